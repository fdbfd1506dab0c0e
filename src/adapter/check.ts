/**
 * `check()`: what would otherwise be found out by the first user who signs in.
 *
 * @module
 */
import type { App } from "./app.ts";

/** No grant has this id, so that reading it shows only whether the store answers. */
const NOBODY = "check";

/** Looks at secrets, Node version and store before anybody signs in. See the docstring of `withFreshTokens`. */
export type Check = () => Promise<void>;

/**
 * Binds `check` to one application.
 *
 * @param env The environment, in which Next says that it builds.
 */
export function createCheck(
  app: App,
  env: () => Readonly<Record<string, string | undefined>> = () => process.env,
): Check {
  return async () => {
    // The machine that builds need not have the secrets, nor reach the store.
    if (env()["NEXT_PHASE"] === "phase-production-build") return;
    const { manager } = await app.ready();
    await manager.grantOf(NOBODY);
  };
}
