/**
 * What `createTokenHandler` takes: which APIs a page may call through it, and how.
 *
 * @module
 */
import type { AccessTokenOptions } from "../token-ask.ts";

/** A method that can be passed on. `TRACE`, which repeats the token in its answer, and `CONNECT` cannot. */
export type TokenHandlerMethod = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** How one API may be called. Beside `origin` and `paths` everything has a default. */
export interface TokenHandlerApi extends AccessTokenOptions {
  /** The only origin that gets the token, such as `https://api.example.com`. https, or http on this machine. */
  readonly origin: string;
  /**
   * The paths that may be called, written as they are when decoded: `/orders` is that path only, `*` stands for one whole
   * segment (`/orders/*`), `**` at the end for one or more (`/files/**`). A slash at the end is sent to the API, whether the
   * page asked with it or not.
   */
  readonly paths: readonly string[];
  /** The methods that may be used. `HEAD` goes wherever `GET` does. @defaultValue `["GET"]` */
  readonly methods?: readonly TokenHandlerMethod[];
  /** Headers of the page that are passed on beside the usual ones, such as `x-tenant`. @defaultValue none */
  readonly requestHeaders?: readonly string[];
  /** Headers of the API that are passed on beside the usual ones, such as `x-total-count`. @defaultValue none */
  readonly responseHeaders?: readonly string[];
  /**
   * How long the API may leave a request without an answer, or the page its body without progress, in milliseconds. At most
   * 300_000, where Node itself gives up. @defaultValue 30_000
   */
  readonly responseTimeoutMs?: number;
  /** How long an answer may pause in the middle, in milliseconds. At most 300_000. @defaultValue 120_000 */
  readonly idleTimeoutMs?: number;
  /**
   * How long one call may take in all, in milliseconds. An event stream is closed then, and whoever reads it asks again: so
   * long one may outlive its user's sign-out. @defaultValue 900_000
   */
  readonly maxDurationMs?: number;
  /** The most that is taken from the page, in bytes. @defaultValue 10_485_760 */
  readonly maxRequestBytes?: number;
  /** The most that is taken from the API, in bytes; event streams are bounded by their duration. @defaultValue 104_857_600 */
  readonly maxResponseBytes?: number;
  /**
   * The largest body that is kept so that it can be sent again after a 401, in bytes. Larger ones, and those of unknown
   * length, are streamed, and their 401 is passed on. @defaultValue 65_536
   */
  readonly maxReplayBytes?: number;
}

/** The argument of `createTokenHandler`. */
export interface TokenHandlerOptions {
  /** The APIs by the name that stands first in the path: `/api/proxy/shop/orders` asks `shop` for `/orders`. */
  readonly apis: Readonly<Record<string, TokenHandlerApi>>;
  /** The path of the route, without Next's `basePath`. @defaultValue "/api/proxy" */
  readonly mountedAt?: string;
  /**
   * The header that every call has to carry, with any value. Another site's page cannot send it without a preflight, which
   * nobody answers. @defaultValue "x-nolapse-csrf"
   */
  readonly csrfHeader?: string;
  /** Further origins at which browsers find this app. @defaultValue only the one that NextAuth knows */
  readonly appOrigins?: readonly string[];
}

/** The defaults of {@link TokenHandlerApi}, in milliseconds and bytes. */
export const API_DEFAULTS: {
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxDurationMs: number;
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
  readonly maxReplayBytes: number;
} = {
  responseTimeoutMs: 30_000,
  idleTimeoutMs: 120_000,
  maxDurationMs: 900_000,
  maxRequestBytes: 10_485_760,
  maxResponseBytes: 104_857_600,
  maxReplayBytes: 65_536,
};

/** Where Node's fetch gives up by itself, before an answer and within one. */
export const MAX_SILENCE_MS = 300_000;
/** The default of `mountedAt`. */
export const DEFAULT_MOUNT = "/api/proxy";
/** The default of `csrfHeader`. */
export const DEFAULT_CSRF_HEADER = "x-nolapse-csrf";
