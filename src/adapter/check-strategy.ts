/**
 * Checks how NextAuth is to keep sessions, once, when its options are given.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";

/**
 * Refuses what NextAuth itself would only find out at the first request.
 *
 * @throws {@link InvalidOptionError} naming the option and the fix.
 */
export function checkStrategy(strategy: string, adapter: object | undefined): void {
  if (strategy !== "jwt" && strategy !== "database") {
    throw new InvalidOptionError("session.strategy", 'must be "jwt" or "database"');
  }
  if (strategy === "database" && !adapter) {
    throw new InvalidOptionError(
      "session.strategy",
      'can only be "database" with an adapter, whose rows the sessions are: add one, or set session: { strategy: "jwt" }',
    );
  }
}
