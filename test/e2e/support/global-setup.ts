/** Before the end-to-end tests: the example installed from the packed tarball, and built. */
import type { TestProject } from "vitest/node";

import { buildApp } from "../../../scripts/lib/build-app.ts";
import { exampleNamed } from "../../../scripts/lib/examples.ts";
import { installExample } from "../../../scripts/lib/install-example.ts";
import { SERVERS_FOLDER, TEST_BUILD } from "../../../scripts/lib/paths.ts";

export default async function setup({ config }: TestProject): Promise<void> {
  await installExample({ folder: SERVERS_FOLDER });
  const example = exampleNamed(config.env["NOLAPSE_EXAMPLE"]);
  await buildApp(example, (step) => console.log(`[${config.name}] ${step}`), TEST_BUILD);
}
