/**
 * What asking for the access token in the browser rejects with. No message, cause or property ever holds a token.
 *
 * @module
 */

/** The stable codes of {@link BrowserTokenError}. */
export type BrowserTokenErrorCode =
  /** Nobody is signed in, or not any more the user whose token was asked for. */
  | "not_signed_in"
  /** The session has no token: its sign-in brought none. */
  | "no_token"
  /** The sign-in has ended; {@link BrowserTokenError.reason} may say why. Retrying cannot help. */
  | "reauthentication_required"
  /** The app does not give its browsers a token. */
  | "not_exposed"
  /** The server does not take such a request, from this page or at all. */
  | "refused"
  /** An option is wrong, such as a `minValidityMs` that no token of this authorization server has. */
  | "invalid_option"
  /** No fresh token for now: the server, the authorization server, the network, or what a page loads. Asked again later, it may work. */
  | "refresh_unavailable"
  /** The server cannot read its stored tokens for now. Asked again later, it may work. */
  | "store_failed"
  /** No `SessionProvider` of nolapse was there in time, nor had been before. */
  | "no_provider"
  /** Called on a server, which has a `getAccessToken` of its own. */
  | "not_in_browser";

const WHAT_TO_DO: Readonly<Record<BrowserTokenErrorCode, string>> = {
  not_signed_in: "Nobody is signed in, or no longer the same user: have the user sign in",
  no_token: "The session has no access token: have the user sign in with a provider that brings one",
  reauthentication_required: "The sign-in has ended: have the user sign in again",
  not_exposed:
    'The app gives its browsers no token: set exposeAccessToken: "on-request", or call the API through createTokenHandler',
  refused: "The server refused the request for the token: look at the address and the basePath of the page",
  invalid_option: "No token can be had as it was asked for: look at minValidityMs, and at the app's log",
  refresh_unavailable: "There is no fresh access token for now: try again later",
  store_failed: "The server cannot read the session's tokens for now: try again later",
  no_provider: "There is no SessionProvider of nolapse/react on the page: put one around the app",
  not_in_browser:
    "This is the browser's part: on a server use the getAccessToken that withFreshTokens returns",
};

const BRAND: unique symbol = Symbol.for("nolapse.browser-token-error");

/** Why there is no access token in the browser. Switch on {@link BrowserTokenError.code}. */
export class BrowserTokenError extends Error {
  override readonly name = "BrowserTokenError";
  /** What happened, stable over releases. */
  readonly code: BrowserTokenErrorCode;
  /**
   * More, where it is known: for an ended sign-in the `reason` of the session's `tokenState`; `not_ready` where the page has not
   * got its provider or a file of it for now, `stopped` where that went away meanwhile.
   */
  readonly reason: string | undefined;

  constructor(code: BrowserTokenErrorCode, reason?: string) {
    super(reason === undefined ? WHAT_TO_DO[code] : `${WHAT_TO_DO[code]} (${reason})`);
    this.code = code;
    this.reason = reason;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Whether something is a {@link BrowserTokenError}, also where a bundler loaded the package twice. */
export function isBrowserTokenError(error: unknown): error is BrowserTokenError {
  return typeof error === "object" && error !== null && (error as Record<symbol, unknown>)[BRAND] === true;
}

/** Whether a code of unknown origin is one of ours. */
export function isBrowserTokenErrorCode(code: string): code is BrowserTokenErrorCode {
  return Object.hasOwn(WHAT_TO_DO, code);
}
