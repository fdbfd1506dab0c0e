/** `npm run build`: the published package, into dist/. */
import { buildPackage } from "./lib/build-package.ts";

await buildPackage().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
