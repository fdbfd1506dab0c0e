/**
 * Checks the shape of the options, once, when they are given. Secrets, the Node version and the store are checked at
 * first use instead, because `next build` evaluates the application's module too.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import { checkDuration, checkTimingOptions } from "../core/lead-time.ts";
import { checkedEndpoint, isLoopback } from "../oauth/endpoint.ts";
import { checkRotation } from "./check-rotation.ts";
import { kindOf, isRecord } from "./kind-of.ts";
import type { FreshTokensOptions, ProviderOptions } from "./options.ts";

/**
 * Refuses options that cannot work. A secret is never repeated.
 *
 * @throws {@link InvalidOptionError} naming the option, what was given and the fix.
 */
export function checkOptions(options: FreshTokensOptions): void {
  if (typeof (options as Partial<FreshTokensOptions> | undefined)?.store?.acquireLease !== "function") {
    throw new InvalidOptionError(
      "store",
      'must be a grant store, such as sqliteStore({ path: ".nolapse/grants.db" }) from "nolapse/stores/sqlite"',
    );
  }
  checkTimingOptions(options);
  for (const name of ["maxWaitMs", "staleIfStoreDownMs", "minForcedAgeMs"] as const)
    checkDuration(name, options[name], 0);
  for (const name of [
    "leaseMs",
    "refreshDeadlineMs",
    "storeTimeoutMs",
    "persistBudgetMs",
    "slidingLifetimeMs",
    "absoluteLifetimeMs",
  ] as const) {
    checkDuration(name, options[name], 1);
  }
  checkSecret(options.secret);
  checkExposure(options.exposeAccessToken);
  checkFlag("tokenMarker", options.tokenMarker);
  checkFlag("keepAccountTokens", options.keepAccountTokens);
  for (const name of ["waitUntil", "onEvent", "fetch", "isSameUser"] as const)
    checkFunction(name, options[name]);
  if (options.adoptSession !== false)
    checkFunction("adoptSession", options.adoptSession, "false or a function");
  checkOrigins(options.allowedOrigins);
  checkProviders(options.providers);
}

function checkExposure(given: unknown): void {
  if (given === undefined || typeof given === "boolean" || given === "on-request") return;
  throw new InvalidOptionError(
    "exposeAccessToken",
    `must be true, false or "on-request"; got ${kindOf(given)}`,
  );
}

function checkSecret(secret: unknown): void {
  const texts: unknown = typeof secret === "string" || secret === undefined ? [] : secret;
  if (Array.isArray(texts) && texts.every((each) => typeof each === "string")) return;
  throw new InvalidOptionError("secret", `must be a text or a list of texts; got ${kindOf(secret)}`);
}

function checkOrigins(origins: unknown): void {
  if (origins === undefined) return;
  if (!Array.isArray(origins)) {
    throw new InvalidOptionError(
      "allowedOrigins",
      `must be a list such as ["https://api.example.com"]; got ${kindOf(origins)}`,
    );
  }
  for (const origin of origins as readonly unknown[]) checkOrigin("allowedOrigins", origin);
}

/**
 * Refuses what is no origin that may see a token: https, or http on this machine, exactly as a browser writes it.
 *
 * @throws {@link InvalidOptionError} naming `option`.
 */
export function checkOrigin(option: string, origin: unknown): void {
  const text = typeof origin === "string" ? origin : "";
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  const given = typeof origin === "string" ? JSON.stringify(origin) : kindOf(origin);
  if (parsed === undefined || parsed.origin !== text.replace(/\/$/, "")) {
    throw new InvalidOptionError(
      option,
      `takes origins such as "https://api.example.com", without a path; got ${given}`,
    );
  }
  if (parsed.protocol !== "https:" && !(parsed.protocol === "http:" && isLoopback(parsed.hostname))) {
    throw new InvalidOptionError(
      option,
      `takes https origins, because a token must not travel in plain text; got ${given}`,
    );
  }
}

function checkProviders(providers: unknown): void {
  if (providers === undefined) return;
  if (!isRecord(providers)) {
    throw new InvalidOptionError(
      "providers",
      `must be settings by provider id, such as { keycloak: { … } }; got ${kindOf(providers)}`,
    );
  }
  for (const [id, settings] of Object.entries(providers)) {
    if (!isRecord(settings)) {
      throw new InvalidOptionError(
        `providers.${id}`,
        `must be the settings of a provider; got ${kindOf(settings)}`,
      );
    }
    checkProvider(`providers.${id}`, settings);
  }
}

function checkProvider(option: string, settings: ProviderOptions): void {
  for (const name of ["refresh", "revoke", "userTokens"] as const)
    checkFunction(`${option}.${name}`, settings[name]);
  for (const name of ["revokeOnSignOut", "acceptUntypedLogoutTokens"] as const)
    checkFlag(`${option}.${name}`, settings[name]);
  checkLogout(`${option}.rpInitiatedLogout`, settings.rpInitiatedLogout);
  checkRotation(`${option}.rotation`, settings.rotation);
  checkDuration(`${option}.defaultLifetimeMs`, settings.defaultLifetimeMs, 1000);
  for (const name of ["tokenEndpoint", "revocationEndpoint", "endSessionEndpoint", "jwksUri"] as const)
    checkEndpoint(`${option}.${name}`, settings[name]);
  const { expiryFrom, rejectedStatuses, refreshParams } = settings as Record<string, unknown>;
  if (expiryFrom !== undefined && expiryFrom !== "jwt-exp") {
    throw new InvalidOptionError(`${option}.expiryFrom`, `can only be "jwt-exp"; got ${kindOf(expiryFrom)}`);
  }
  if (rejectedStatuses !== undefined && !isListOf(rejectedStatuses, isClientErrorStatus)) {
    throw new InvalidOptionError(
      `${option}.rejectedStatuses`,
      `must be a list of HTTP statuses from 400 to 499, such as [401]; got ${kindOf(rejectedStatuses)}`,
    );
  }
  if (
    refreshParams !== undefined &&
    !(isRecord(refreshParams) && isListOf(Object.values(refreshParams), (value) => typeof value === "string"))
  ) {
    throw new InvalidOptionError(
      `${option}.refreshParams`,
      `must be texts by name, such as { scope: "openid" }; got ${kindOf(refreshParams)}`,
    );
  }
}

function checkLogout(option: string, given: unknown): void {
  if (given === undefined || typeof given === "boolean") return;
  if (!isRecord(given)) {
    throw new InvalidOptionError(
      option,
      `must be true, false, or settings such as { postLogoutRedirectUri: "https://app.example.com/" }; got ${kindOf(given)}`,
    );
  }
  checkFlag(`${option}.idTokenHint`, given["idTokenHint"]);
  checkEndpoint(`${option}.postLogoutRedirectUri`, given["postLogoutRedirectUri"]);
}

function checkEndpoint(option: string, endpoint: unknown): void {
  if (endpoint === undefined) return;
  if (typeof endpoint === "string" && checkedEndpoint(endpoint, true) !== undefined) return;
  throw new InvalidOptionError(
    option,
    `must be an https address without a user name (http only for localhost); got ${kindOf(endpoint)}`,
  );
}

function checkFunction(option: string, value: unknown, expected = "a function"): void {
  if (value === undefined || typeof value === "function") return;
  throw new InvalidOptionError(option, `must be ${expected}; got ${kindOf(value)}`);
}

function checkFlag(option: string, value: unknown): void {
  if (value === undefined || typeof value === "boolean") return;
  throw new InvalidOptionError(option, `must be true or false; got ${kindOf(value)}`);
}

function isClientErrorStatus(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 400 && (value as number) <= 499;
}

function isListOf(value: unknown, fits: (each: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(fits);
}
