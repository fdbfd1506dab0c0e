/**
 * From what an application asks for to what the engine is asked: how long, and for which API.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import type { TokenAsk } from "../core/obtain-token.ts";
import type { TokenTarget } from "../core/token-target.ts";
import type { ProviderProfile } from "../oauth/provider-profile.ts";
import { kindOf } from "./kind-of.ts";

/** What a call of `getAccessToken` may ask for. `resource`, `audience` and `scope` choose an API other than the sign-in's. */
export interface AccessTokenOptions extends Pick<TokenAsk, "minValidityMs" | "maxWaitMs">, TokenTarget {
  /**
   * NextAuth's id of the provider whose token is asked for, where the user has signed in with several. An app with several
   * should always say it. @defaultValue that of the session's own grant: the first sign-in, while its grant lives
   */
  readonly provider?: string;
}

const MAX_LENGTH = 2_000;
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*$/;

/** The names of the options, by which an argument is known to be options. */
const NAMES = ["provider", "minValidityMs", "maxWaitMs", "resource", "audience", "scope"] as const;

/** Whether an argument of `getAccessToken` is options, and neither a request nor a response. */
export function isAccessTokenOptions(value: unknown): value is AccessTokenOptions {
  return typeof value === "object" && value !== null && NAMES.some((name) => name in value);
}

/**
 * The engine's ask.
 *
 * @param providerId NextAuth's id of the provider, and `profile` what is known of it.
 * @throws {@link InvalidOptionError} for a target that no server, or not this one, could have a token for.
 */
export function tokenAskOf(
  options: AccessTokenOptions,
  providerId: string,
  profile: ProviderProfile,
): Pick<TokenAsk, "minValidityMs" | "maxWaitMs" | "target"> {
  const { minValidityMs, maxWaitMs } = options;
  const target = targetOf(options);
  const names = Object.keys(target) as (keyof TokenTarget)[];
  for (const name of names) checkKnown(name, providerId, profile);
  return {
    ...(minValidityMs !== undefined && { minValidityMs }),
    ...(maxWaitMs !== undefined && { maxWaitMs }),
    ...(names.length > 0 && { target }),
  };
}

/**
 * What chooses the API.
 *
 * @param at Where the options stand, for errors, such as `apis.shop.`.
 * @throws {@link InvalidOptionError} for what is no resource, audience or scope.
 */
export function targetOf(
  { resource, audience, scope }: Readonly<Partial<Record<keyof TokenTarget, unknown>>>,
  at = "",
): TokenTarget {
  return {
    ...(resource !== undefined && { resource: checkedResource(resource, `${at}resource`) }),
    ...(audience !== undefined && { audience: checkedAudience(audience, `${at}audience`) }),
    ...(scope !== undefined && { scope: checkedScope(scope, `${at}scope`) }),
  };
}

function checkKnown(name: keyof TokenTarget, providerId: string, profile: ProviderProfile): void {
  if (!profile.hasRefreshGrant) {
    throw new InvalidOptionError(
      name,
      `cannot be had from "${providerId}": it has no refresh grant, so there is only the token of the sign-in`,
    );
  }
  if (profile.targetParameters.includes(name)) return;
  const known = profile.targetParameters.map((each) => `"${each}"`).join(" or ");
  throw new InvalidOptionError(
    name,
    `does not choose an API at "${providerId}": there it is ${known} that does, such as { scope: "api://orders/.default" }`,
  );
}

/** @see [RFC 8707, section 2](https://www.rfc-editor.org/rfc/rfc8707.html#section-2) - absolute, without a fragment */
function checkedResource(value: unknown, option: string): string {
  if (isShort(value) && URL.canParse(value) && !value.includes("#")) return value;
  throw new InvalidOptionError(
    option,
    `must be an absolute URI without "#", such as "https://api.example.com"; got ${kindOf(value)}`,
  );
}

function checkedAudience(value: unknown, option: string): string {
  if (isShort(value) && /^[^\p{Cc}]+$/u.test(value)) return value;
  throw new InvalidOptionError(
    option,
    `must be a text such as "https://api.example.com" or "orders"; got ${kindOf(value)}`,
  );
}

/** @see [RFC 6749, section 3.3](https://www.rfc-editor.org/rfc/rfc6749.html#section-3.3) */
function checkedScope(value: unknown, option: string): string {
  if (isShort(value) && SCOPE.test(value)) return value;
  throw new InvalidOptionError(
    option,
    `must be scopes with one space between them, such as "orders:read orders:write"; got ${kindOf(value)}`,
  );
}

function isShort(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_LENGTH;
}
