/**
 * How an application's own `refresh` function says that only a new sign-in helps.
 *
 * @module
 */
import { safeDetail } from "./safe-detail.ts";

const BRAND: unique symbol = Symbol.for("nolapse.refresh-rejected");

/**
 * Throw this from a `refresh` function when your backend has refused the refresh token for good: the user is then
 * asked to sign in again. Whatever else is thrown counts as "nobody knows", and the session is kept.
 *
 * ```ts
 * if (response.status === 401) throw new RefreshRejected("the backend has ended the session");
 * ```
 */
export class RefreshRejected extends Error {
  override readonly name = "RefreshRejected";
  /** Stable over releases. */
  readonly code = "refresh_rejected";

  constructor(message = "The refresh token was refused for good") {
    super(message);
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Whether something is a {@link RefreshRejected}, also one of a second copy of this package. */
export function isRefreshRejected(error: unknown): error is RefreshRejected {
  return typeof error === "object" && error !== null && (error as Record<symbol, unknown>)[BRAND] === true;
}

/** The message of a {@link RefreshRejected} as it may be logged. */
export function rejectionDetail(error: RefreshRejected, secrets: readonly string[]): string | undefined {
  return safeDetail(error.message, secrets);
}
