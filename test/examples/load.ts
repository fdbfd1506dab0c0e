/**
 * Modules of the example app, for their unit tests. The app has its own compiler options and import paths, so they come
 * without their types, and each test names the ones it needs.
 *
 * @module
 */
import { vi } from "vitest";

const APP = new URL("../../examples/next-app/", import.meta.url);

/** Imports `path` of the app, with what it imports by `@/`, which is the app's root. */
export async function fromExample<Module>(path: string, ...imported: readonly string[]): Promise<Module> {
  for (const each of imported) vi.doMock(`@/${each}`, () => import(`${APP.pathname}${each}.ts`));
  return (await import(`${APP.pathname}${path}.ts`)) as Module;
}
