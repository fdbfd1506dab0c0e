/**
 * Checks the options of a token handler, once, when it is made, and brings them into the form in which they are used.
 *
 * @module
 */
import { InvalidOptionError } from "../../core/errors.ts";
import { checkDuration } from "../../core/lead-time.ts";
import { checkOrigin } from "../check-options.ts";
import { isRecord, kindOf } from "../kind-of.ts";
import { targetOf, type AccessTokenOptions } from "../token-ask.ts";
import { mayBeAsked, mayBeTold, REQUEST_HEADERS, RESPONSE_HEADERS } from "./headers.ts";
import {
  API_DEFAULTS,
  DEFAULT_CSRF_HEADER,
  DEFAULT_MOUNT,
  MAX_SILENCE_MS,
  type TokenHandlerMethod,
  type TokenHandlerOptions,
} from "./options.ts";
import { parsePattern, type PathPattern } from "./path.ts";

/** One API, checked. */
export interface CheckedApi extends Readonly<typeof API_DEFAULTS> {
  readonly origin: string;
  readonly patterns: readonly PathPattern[];
  readonly methods: ReadonlySet<string>;
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly string[];
  /** Whose token, and what for. */
  readonly token: AccessTokenOptions;
}

/** The options, checked. */
export interface CheckedOptions {
  readonly apis: ReadonlyMap<string, CheckedApi>;
  readonly mountedAt: string;
  readonly csrfHeader: string;
  readonly appOrigins: readonly string[];
}

/** The methods that can be passed on. */
export const METHODS: readonly TokenHandlerMethod[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/i;
/** Browsers add headers of other names to requests of other sites' pages, too, some of them without a preflight. */
const CSRF_HEADER = /^x-(?!forwarded|middleware|nextjs)[a-z0-9-]{1,98}$/i;
const API_NAME = /^[A-Za-z0-9][\w-]{0,63}$/;
const MOUNT = /^(?:\/[\w.-]+)+$/;
const DURATIONS = ["responseTimeoutMs", "idleTimeoutMs", "maxDurationMs"] as const;
const SIZES = ["maxRequestBytes", "maxResponseBytes", "maxReplayBytes"] as const;
/** `setTimeout` takes no more. */
const MAX_TIMER_MS = 2_147_483_647;
const KNOWN = ["apis", "mountedAt", "csrfHeader", "appOrigins"];
const KNOWN_OF_API = [
  ...["origin", "paths", "methods", "requestHeaders", "responseHeaders", ...DURATIONS, ...SIZES],
  ...["provider", "minValidityMs", "maxWaitMs", "resource", "audience", "scope"],
];

/**
 * Refuses options that cannot work, or that say something else than was meant.
 *
 * @throws {@link InvalidOptionError} naming the option, what was given and the fix.
 */
export function checkTokenHandler(options: TokenHandlerOptions): CheckedOptions {
  if (!isRecord(options)) refuse("createTokenHandler", `takes an object with "apis"; got ${kindOf(options)}`);
  checkNames(options, KNOWN, "");
  const {
    apis,
    mountedAt = DEFAULT_MOUNT,
    csrfHeader = DEFAULT_CSRF_HEADER,
    appOrigins = [],
  } = options as Readonly<Record<string, unknown>>;
  if (typeof mountedAt !== "string" || !MOUNT.test(mountedAt))
    refuse("mountedAt", `must be the path of the route, such as "${DEFAULT_MOUNT}"; got ${shown(mountedAt)}`);
  if (typeof csrfHeader !== "string" || !CSRF_HEADER.test(csrfHeader))
    refuse(
      "csrfHeader",
      `must be a name that no browser sends by itself, such as "x-csrf"; got ${shown(csrfHeader)}`,
    );
  if (!isRecord(apis) || Object.keys(apis).length === 0)
    refuse("apis", `must name at least one API, such as { shop: { origin, paths } }; got ${kindOf(apis)}`);
  return {
    apis: new Map(Object.entries(apis).map(([name, api]) => [name, checkedApi(name, api)])),
    mountedAt,
    csrfHeader: csrfHeader.toLowerCase(),
    appOrigins: listOf("appOrigins", appOrigins, '["https://app.example.com"]').map(checkedAppOrigin),
  };
}

function checkedAppOrigin(origin: unknown): string {
  const url = typeof origin === "string" && URL.canParse(origin) ? new URL(origin) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.origin === origin) return url.origin;
  return refuse(
    "appOrigins",
    `takes origins such as "https://app.example.com", without a path; got ${shown(origin)}`,
  );
}

function checkedApi(name: string, given: unknown): CheckedApi {
  const at = `apis.${name}`;
  if (!API_NAME.test(name)) refuse(at, "must have a name of letters, digits, hyphens and underscores");
  if (!isRecord(given)) refuse(at, `must be the settings of an API; got ${kindOf(given)}`);
  checkNames(given, KNOWN_OF_API, `${at}.`);
  const { origin, paths, methods = ["GET"], requestHeaders = [], responseHeaders = [] } = given;
  checkOrigin(`${at}.origin`, origin);
  const patterns = listOf(`${at}.paths`, paths, '["/orders", "/orders/*"]').map((path) =>
    checkedPattern(`${at}.paths`, path),
  );
  if (patterns.length === 0) refuse(`${at}.paths`, "must list at least one path");
  const used = listOf(`${at}.methods`, methods, '["GET", "POST"]').map((each) =>
    checkedMethod(`${at}.methods`, each),
  );
  if (used.length === 0) refuse(`${at}.methods`, "must list at least one method");
  const asked = checkedHeaders(`${at}.requestHeaders`, requestHeaders, mayBeAsked);
  const told = checkedHeaders(`${at}.responseHeaders`, responseHeaders, mayBeTold);
  return {
    origin: new URL(origin as string).origin,
    patterns,
    methods: new Set(used.includes("GET") ? [...used, "HEAD"] : used),
    requestHeaders: [...new Set([...REQUEST_HEADERS, ...asked])],
    responseHeaders: [...new Set([...RESPONSE_HEADERS, ...told])],
    ...checkedBounds(at, given),
    token: checkedToken(at, given),
  };
}

function checkedBounds(at: string, given: Readonly<Record<string, unknown>>): typeof API_DEFAULTS {
  const bounds = { ...API_DEFAULTS };
  for (const name of DURATIONS) {
    const value = given[name];
    const mostMs = name === "maxDurationMs" ? MAX_TIMER_MS : MAX_SILENCE_MS;
    checkDuration(`${at}.${name}`, value, 1);
    if (typeof value === "number" && value > mostMs)
      refuse(`${at}.${name}`, `must be at most ${mostMs} milliseconds; got ${value}`);
    if (typeof value === "number") bounds[name] = value;
  }
  for (const name of SIZES) {
    const value = given[name];
    if (value === undefined) continue;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
      refuse(`${at}.${name}`, `must be a whole number of bytes, 0 or more; got ${shown(value)}`);
    bounds[name] = value;
  }
  return bounds;
}

function checkedToken(at: string, given: Readonly<Record<string, unknown>>): AccessTokenOptions {
  const { provider, minValidityMs, maxWaitMs } = given;
  if (provider !== undefined && typeof provider !== "string")
    refuse(`${at}.provider`, `must be the id of one of NextAuth's providers; got ${kindOf(provider)}`);
  checkDuration(`${at}.minValidityMs`, minValidityMs, 0);
  checkDuration(`${at}.maxWaitMs`, maxWaitMs, 0);
  return {
    ...(provider !== undefined && { provider }),
    ...(typeof minValidityMs === "number" && { minValidityMs }),
    ...(typeof maxWaitMs === "number" && { maxWaitMs }),
    ...targetOf(given, `${at}.`),
  };
}

function checkedPattern(option: string, path: unknown): PathPattern {
  const pattern = typeof path === "string" ? parsePattern(path) : undefined;
  if (pattern !== undefined) return pattern;
  return refuse(
    option,
    `takes decoded paths such as "/orders", "/orders/*" or "/files/**", without a query, dot segments, "%", ";" or "\\"; got ${shown(path)}`,
  );
}

function checkedMethod(option: string, method: unknown): string {
  if (METHODS.includes(method as TokenHandlerMethod)) return method as string;
  return refuse(option, `takes ${METHODS.join(", ")}; got ${shown(method)}`);
}

function checkedHeaders(
  option: string,
  names: unknown,
  mayPass: (name: string) => boolean,
): readonly string[] {
  return listOf(option, names, '["x-tenant"]').map((name) => {
    if (typeof name !== "string" || !HEADER_NAME.test(name))
      return refuse(option, `takes names of headers, such as "x-tenant"; got ${shown(name)}`);
    if (!mayPass(name)) return refuse(option, `cannot list "${name}": this header is never passed on`);
    return name.toLowerCase();
  });
}

/** A slip of the pen in an allow-list must not be read as "the default". */
function checkNames(given: object, known: readonly string[], at: string): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(`${at}${unknown}`, `is no option; there are ${known.join(", ")}`);
}

function listOf(option: string, value: unknown, example: string): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  return refuse(option, `must be a list such as ${example}; got ${kindOf(value)}`);
}

function shown(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? JSON.stringify(value) : kindOf(value);
}

function refuse(option: string, problem: string): never {
  throw new InvalidOptionError(option, problem);
}
