/** Before the end-to-end tests: the example installed from the packed tarball, and built. */
import { buildApp } from "../../../scripts/lib/build-app.ts";
import { installExample } from "../../../scripts/lib/install-example.ts";
import { SERVERS_FOLDER, TEST_BUILD } from "../../../scripts/lib/paths.ts";

export default async function setup(): Promise<void> {
  await installExample({ folder: SERVERS_FOLDER });
  await buildApp((step) => console.log(`[e2e] ${step}`), TEST_BUILD);
}
