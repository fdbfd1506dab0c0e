/**
 * What can go wrong between a reader and the protected API, in a form that fits into JSON.
 *
 * @module
 */

/** nolapse's error codes, and two of the API call's own. */
export type ProblemCode =
  | "not_signed_in"
  | "no_token"
  | "reauthentication_required"
  | "refresh_unavailable"
  | "store_failed"
  | "api_refused"
  | "api_unavailable";

/** A failed call. */
export interface Problem {
  readonly code: ProblemCode;
  /** Why a new sign-in is needed. */
  readonly reason?: string;
  /** The API's answer, where there was one. */
  readonly status?: number;
}

const TOKEN_ERROR_CODES: ReadonlySet<string> = new Set([
  "not_signed_in",
  "no_token",
  "reauthentication_required",
  "refresh_unavailable",
  "store_failed",
]);

/** Whether something is one of nolapse's errors, told by its code. */
export function isTokenProblem(error: unknown): error is Error & { code: ProblemCode; reason?: string } {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" && TOKEN_ERROR_CODES.has(code);
}

/** Reads one of nolapse's errors. Anything else is thrown on: it is a fault of the app. */
export function problemFrom(error: unknown): Problem {
  if (!isTokenProblem(error)) throw error;
  return { code: error.code, ...(typeof error.reason === "string" && { reason: error.reason }) };
}

/** Whether only a sign-in helps. */
export function needsSignIn(problem: Problem): boolean {
  return (
    problem.code === "not_signed_in" ||
    problem.code === "no_token" ||
    problem.code === "reauthentication_required"
  );
}

/** The HTTP status that tells a browser the same: 401 to sign in, 503 to try again later, 502 for the API's fault. */
export function statusOf(problem: Problem): number {
  if (needsSignIn(problem)) return 401;
  return problem.code === "api_refused" || problem.code === "api_unavailable" ? 502 : 503;
}
