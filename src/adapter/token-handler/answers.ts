/**
 * What a token handler, and the access token route where it has no token, answer by themselves: JSON with a stable code.
 *
 * @module
 */
import { isTokenError, type TokenErrorCode } from "../../core/errors.ts";
import { reportFailure } from "../report.ts";
import type { GuardRefusal } from "./guard.ts";
import { protect } from "./headers.ts";

/** The codes of a token handler's own answers, and of the access token route's, in `error` of the JSON and in the header {@link ERROR_HEADER}. */
export type TokenHandlerErrorCode =
  | TokenErrorCode
  | GuardRefusal
  | "invalid_request"
  | "path_not_allowed"
  | "method_not_allowed"
  | "request_too_large"
  | "request_length_mismatch"
  | "request_timeout"
  | "api_unavailable"
  | "api_timeout"
  | "api_redirected"
  | "api_answer_too_large"
  | "internal";

/** The header that tells an answer of the token handler from one of the API. */
export const ERROR_HEADER = "x-nolapse-error";

/** When to try again, in seconds. */
const RETRY_AFTER_S = 2;

const ANSWERS: Readonly<Record<TokenHandlerErrorCode, readonly [status: number, description: string]>> = {
  missing_header: [403, "send the header that this route asks for with every call"],
  cross_site: [
    403,
    "only pages of this app may call this; if this is one, the app has to be told its own address",
  ],
  invalid_request: [400, "the body is not what this route takes; see its documentation"],
  path_not_allowed: [404, "this API or path cannot be called through this route"],
  method_not_allowed: [405, "this method cannot be used for this path"],
  not_signed_in: [401, "sign in"],
  no_token: [401, "sign in with a provider that brings a token for this API"],
  reauthentication_required: [401, "sign in again"],
  refresh_unavailable: [503, "no fresh access token in time; try again later"],
  store_failed: [503, "the session's tokens cannot be read now; try again later"],
  invalid_option: [500, "the app is not set up right; its log says what to change"],
  request_too_large: [413, "the body is larger than this route takes"],
  request_length_mismatch: [400, "the body did not have the length that the request said"],
  request_timeout: [408, "the body did not arrive in time"],
  api_unavailable: [502, "the API could not be reached, or broke off"],
  api_timeout: [504, "the API did not answer in time"],
  api_redirected: [502, "the API answered with a redirect, which is not followed"],
  api_answer_too_large: [502, "the API's answer is larger than this route takes"],
  internal: [500, "the call could not be answered; the app's log says more"],
};

/** An answer of our own. */
export function answerOf(
  code: TokenHandlerErrorCode,
  more: { readonly reason?: string; readonly allow?: string } = {},
): Response {
  const [status, description] = ANSWERS[code];
  const headers = protect(new Headers({ "content-type": "application/json; charset=utf-8" }));
  headers.set(ERROR_HEADER, code);
  if (status === 503) headers.set("retry-after", String(RETRY_AFTER_S));
  if (more.allow !== undefined) headers.set("allow", more.allow);
  const reason = more.reason === undefined ? {} : { reason: more.reason };
  return new Response(JSON.stringify({ error: code, error_description: description, ...reason }), {
    status,
    headers,
  });
}

/** What is said in the log of a call that could not be answered. */
export interface LogLines {
  /** Of a fault. */
  readonly fault: string;
  /** Of an option that is wrong. */
  readonly option: string;
}

const LINES: LogLines = {
  fault: "The token handler could not answer",
  option: "The token handler cannot work",
};

/** The answer to a call for which there is no token. What the page cannot mend is told to the log. */
export function answerOfError(error: unknown, lines: LogLines = LINES): Response {
  if (!isTokenError(error)) {
    reportFailure(lines.fault, error);
    return answerOf("internal");
  }
  if (error.code === "invalid_option") reportFailure(lines.option, error);
  return answerOf(error.code, "reason" in error ? { reason: String(error.reason) } : {});
}
