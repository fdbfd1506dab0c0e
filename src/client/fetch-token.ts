/**
 * One request for the access token, and what its answer means. The token is handed on and kept nowhere.
 *
 * @module
 */
import { isBrowserTokenErrorCode, type BrowserTokenErrorCode } from "./browser-token-error.ts";

/** What is asked of the server. */
export interface TokenRequest {
  /** How long the token has to live, in milliseconds. 0 for as long as the server thinks right. */
  readonly minValidityMs: number;
  /** Whether it has to be another than the server's present one. */
  readonly renew: boolean;
}

/** What a request for the token learned. */
export type TokenAnswer =
  | {
      readonly kind: "token";
      readonly accessToken: string;
      /** How long it lived when the answer was made, in milliseconds; `undefined` where its end is not known. */
      readonly expiresInMs: number | undefined;
      /** Its end in epoch seconds by the server's clock, as in the session. */
      readonly accessTokenExpires: number | undefined;
    }
  | {
      readonly kind: "failed";
      readonly code: BrowserTokenErrorCode;
      /** See {@link BrowserTokenError.reason}. */
      readonly reason?: string | undefined;
      /** How long to wait before the next request, in milliseconds, where the server said so. */
      readonly retryAfterMs?: number | undefined;
    };

/** Asks for the token once. May reject, which means `refresh_unavailable`. */
export type FetchToken = (request: TokenRequest, signal: AbortSignal) => Promise<TokenAnswer>;

/** Stands between a request and the network: given what really sends it, as the devtools panel does with its faults. */
export type SendThrough = (send: () => Promise<Response>, signal: AbortSignal) => Promise<Response>;

const ERROR_HEADER = "x-nolapse-error";
const WORD = /^[a-z_]{1,40}$/;
const MAX_RETRY_AFTER_MS = 60_000;
/** The route's own codes that have another name here. */
const CODE_OF: Readonly<Record<string, BrowserTokenErrorCode>> = { invalid_request: "invalid_option" };
/** What NextAuth answers where the route is not there: 404, in version 5 400. */
const CODE_OF_STATUS: Readonly<Record<number, BrowserTokenErrorCode>> = {
  400: "not_exposed",
  401: "not_signed_in",
  403: "refused",
  404: "not_exposed",
  405: "refused",
  413: "refused",
};

/** Reads the answer of the route. A login page, an error page or half an answer is `refresh_unavailable`. */
export async function readTokenAnswer(response: Response): Promise<TokenAnswer> {
  const body = await bodyOf(response);
  if (response.status !== 200) return failureOf(response, body);
  const { accessToken, expiresInMs, accessTokenExpires } = body;
  if (typeof accessToken !== "string" || accessToken === "") return UNAVAILABLE;
  if (!isOptionalNumber(expiresInMs) || !isOptionalNumber(accessTokenExpires)) return UNAVAILABLE;
  return { kind: "token", accessToken, expiresInMs, accessTokenExpires };
}

const UNAVAILABLE: TokenAnswer = { kind: "failed", code: "refresh_unavailable" };

function failureOf(response: Response, body: Readonly<Record<string, unknown>>): TokenAnswer {
  const named = response.headers.get(ERROR_HEADER) ?? "";
  const code = isBrowserTokenErrorCode(named)
    ? named
    : ((Object.hasOwn(CODE_OF, named) ? CODE_OF[named] : CODE_OF_STATUS[response.status]) ??
      "refresh_unavailable");
  const reason = [body["reason"], named].find((word) => typeof word === "string" && WORD.test(word));
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return {
    kind: "failed",
    code,
    reason: reason === code ? undefined : (reason as string | undefined),
    retryAfterMs: seconds >= 0 ? Math.min(seconds * 1_000, MAX_RETRY_AFTER_MS) : undefined,
  };
}

async function bodyOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isOptionalNumber(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === "number" && value >= 0);
}
