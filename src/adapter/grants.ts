/**
 * From sessions to grants: stores one at sign-in, finds the one that a session names, adopts that of a hand-written
 * recipe, and ends them.
 *
 * @module
 */
import { InvalidOptionError, StoreFailedError } from "../core/errors.ts";
import type { EndOptions } from "../core/end-grant.ts";
import type { EndReason, GrantRecord } from "../core/grant.ts";
import type { TokenManager } from "../core/token-manager.ts";
import {
  MAX_LIFETIME_MS,
  epochMsFrom,
  lifetimeMsFrom,
  tokenSetFrom,
  type TokenEndpointResponse,
} from "../core/token-set.ts";
import { jwtExp, jwtPart } from "../oauth/jwt-exp.ts";
import { grantIssuerOf } from "../oauth/provider-config.ts";
import type { ProviderProfile } from "../oauth/provider-profile.ts";
import type { Indexer } from "../vault/indexer.ts";
import { allTried } from "./all-tried.ts";
import {
  claimOf,
  grantsIn,
  sessionHandleOf,
  type GrantClaim,
  type SessionClaim,
  type SessionHandle,
  type SessionToken,
} from "./claim.ts";
import type { AuthHost } from "./host.ts";
import type { FreshTokensOptions, RecipeTokens } from "./options.ts";
import { recipeSessionOf } from "./recipe-session.ts";
import { warnOnce } from "./report.ts";

/** What {@link createGrants} is built from. */
export interface GrantsContext {
  readonly options: FreshTokensOptions;
  readonly host: AuthHost;
  readonly manager: TokenManager;
  readonly indexer: Indexer;
  readonly profileOf: (provider: string) => ProviderProfile;
  readonly nowMs: () => number;
}

/** A sign-in whose tokens are to be stored. */
export interface SignIn {
  readonly provider: string;
  readonly tokens: TokenEndpointResponse;
  /** Who signed in, as the provider names them. */
  readonly subject: string | undefined;
}

/** A grant that has just been stored. */
export interface StoredGrant {
  readonly claim: GrantClaim;
  readonly subjectRef: string | null;
  readonly refreshable: boolean;
  /** Whether it was stored as one of the session before the sign-in. */
  readonly joined: boolean;
}

/** The grants of an application's sessions. */
export interface Grants {
  /**
   * Stores the tokens of a sign-in under a new handle, in a session of its own or in that of `sessionRef`. Rejects with
   * `StoreFailedError` or `InvalidOptionError`.
   *
   * @param keyId Which key its own name is hashed with: whoever takes a secret away goes by those. The newest, unless said.
   */
  readonly store: (signIn: SignIn, sessionRef?: string, keyId?: string) => Promise<StoredGrant>;
  /** What the grants of a session are stored under. `undefined` if its key is not in the ring any more. */
  readonly sessionRefOf: (session: SessionHandle) => string | undefined;
  /** The id of the grant that a claim names. `undefined` if its key is not in the ring any more. */
  readonly idOf: (claim: GrantClaim) => string | undefined;
  /** The claim for a session of a hand-written recipe, stored once however often it is asked for. */
  readonly adopt: (token: SessionToken) => Promise<AdoptedSession | undefined>;
  /** Ends one grant. */
  readonly end: (claim: GrantClaim, reason: EndReason, revoke?: EndOptions["revoke"]) => Promise<void>;
  /** Ends all grants of a session, also those that this claim does not name because it is of an older cookie. */
  readonly endSession: (
    claim: SessionClaim,
    reason: EndReason,
    revoke?: EndOptions["revoke"],
  ) => Promise<void>;
}

/** A session of a hand-written recipe, and the tokens that have to leave its cookie. */
export interface AdoptedSession {
  readonly claim: GrantClaim;
  readonly tokens: readonly string[];
}

/** The life of an adopted access token in all, as long as nobody knows better: the most common one. */
const ADOPTED_LIFETIME_MS = 3_600_000;
/** The issuer of people of whom nobody knows who they are to the provider: each such session is a person of its own. */
const UNKNOWN_PERSON = "adopted";
/** The life left in one whose expiry the recipe did not keep, or got wrong. */
const UNKNOWN_LEFT_MS = 1_000;

/** Binds the functions of this file to one application. */
export function createGrants(context: GrantsContext): Grants {
  const { manager, indexer } = context;
  const idOf = ({ keyId, handle, provider }: GrantClaim): string | undefined =>
    indexer.grantIdOf(keyId, handle, provider);
  const end: Grants["end"] = async (claim, reason, revoke = true) => {
    const id = idOf(claim);
    // Whether there is a way to revoke, and whether the application wants it, is for the refresher to know.
    if (id !== undefined) await manager.endGrant(id, reason, { revoke });
  };
  return {
    idOf,
    sessionRefOf: ({ keyId, handle }) => indexer.sessionRefOf(keyId, handle),
    async store(signIn, sessionRef, keyId = indexer.newestKeyId()) {
      const claim: GrantClaim = { handle: indexer.newHandle(), keyId, provider: signIn.provider };
      return save(context, claim, signIn, { sessionRef });
    },
    adopt: (token) => adopt(context, token),
    end,
    async endSession(claim, reason, revoke = true) {
      const named = grantsIn(claim);
      const ids = new Set(named.map(idOf));
      const { keyId, handle } = sessionHandleOf(claim);
      const sessionRef = indexer.sessionRefOf(keyId, handle);
      // The named ones by their ids, because those are refused here at once where the store does not take the end.
      const only = ({ id }: GrantRecord): boolean => !ids.has(id);
      await allTried([
        ...named.map((each) => end(each, reason, revoke)),
        ...(sessionRef === undefined ? [] : [manager.endGrants({ sessionRef }, reason, { revoke, only })]),
      ]);
    },
  };
}

async function save(
  { options, host, manager, indexer, profileOf, nowMs }: GrantsContext,
  claim: GrantClaim,
  { provider, tokens, subject }: SignIn,
  { adopted = false, sessionRef }: { adopted?: boolean; sessionRef?: string | undefined },
): Promise<StoredGrant> {
  const config = host.oauthProvider(provider);
  const settings = options.providers?.[provider];
  const lifetimeMs = settings?.defaultLifetimeMs ?? profileOf(provider).defaultLifetimeMs;
  const context = {
    requestedAtMs: adopted ? adoptedIssueMs(tokens, nowMs()) : nowMs(),
    ...(lifetimeMs !== undefined && { defaultLifetimeMs: lifetimeMs }),
  };
  const complete = withJwtExpiry(tokens, settings?.expiryFrom);
  const hasRefresh = settings?.refresh !== undefined;
  const lacksRefresh = !hasRefresh && config === undefined && textOf(tokens.refresh_token) !== undefined;
  if (lacksRefresh) warnOfMissingRefresh(provider);
  if ((hasRefresh || lacksRefresh) && !adopted) assertExpiry(provider, complete);
  const tokenSet = tokenSetFrom(complete, context);
  if (tokenSet === undefined)
    throw new InvalidOptionError(`providers.${provider}`, "brought no access token");
  const claims = tokenSet.idToken === undefined ? undefined : jwtPart(tokenSet.idToken, 1);
  const issuer = config === undefined ? `provider:${provider}` : grantIssuerOf(config);
  // People are known by the issuer that the ID token names: a back-channel logout names the same.
  const authority = textOf(claims?.["iss"]) ?? issuer;
  const person = textOf(claims?.["sub"]) ?? subject;
  const sid = textOf(claims?.["sid"]);
  const id = mustHash(indexer.grantIdOf(claim.keyId, claim.handle, provider));
  const stranger = adopted ? { issuer: UNKNOWN_PERSON, subject: id } : undefined;
  const user = person === undefined ? stranger : { issuer: authority, subject: person };
  const subjectRef = user === undefined ? null : indexer.subjectRefOf(user.issuer, user.subject);
  await manager.saveGrant({
    id,
    sessionRef: sessionRef ?? mustHash(indexer.sessionRefOf(claim.keyId, claim.handle)),
    subjectRef,
    sidRef: sid === undefined ? null : indexer.sidRefOf(authority, sid),
    provider,
    issuer,
    clientId: config?.clientId ?? "",
    tokenSet: { ...tokenSet, ...(user !== undefined && { user }) },
    adopted,
  });
  const refreshable = tokenSet.refreshToken !== undefined;
  return { claim, subjectRef, refreshable, joined: sessionRef !== undefined };
}

async function adopt(context: GrantsContext, token: SessionToken): Promise<AdoptedSession | undefined> {
  const { options, indexer, manager } = context;
  if (options.adoptSession === false || claimOf(token) !== undefined) return undefined;
  const found = options.adoptSession ? foundBy(options.adoptSession, token) : recipeSessionOf(token);
  const refreshToken = textOf(found?.tokens.refresh_token);
  if (found === undefined || refreshToken === undefined) return undefined;
  const provider = found.provider ?? onlyProvider(context);
  if (provider === undefined) return undefined;
  const tokens = [found.tokens.access_token, refreshToken, found.tokens.id_token].filter(
    (value): value is string => typeof value === "string",
  );
  // Newest key first. A session adopted under an older key is found again under that key.
  for (const keyId of indexer.keyIds()) {
    const claim = adoptedClaim(indexer, keyId, refreshToken, provider);
    const id = mustHash(indexer.grantIdOf(keyId, claim.handle, provider));
    if ((await manager.grantOf(id)) !== undefined) return { claim, tokens };
  }
  const claim = adoptedClaim(indexer, indexer.newestKeyId(), refreshToken, provider);
  const told = withJwtExpiry(found.tokens, options.providers?.[provider]?.expiryFrom);
  const believed = withBelievableExpiry(told, context.nowMs());
  await save(
    context,
    claim,
    { provider, tokens: believed, subject: adoptedSubject(context, provider, token) },
    { adopted: true },
  );
  return { claim, tokens };
}

/**
 * The provider's id of a recipe's user, where the recipe kept no ID token. An adapter puts its own id of the user there, and
 * v5 a random one: what another person may be called at the provider (SEC-45).
 */
function adoptedSubject({ host }: GrantsContext, provider: string, token: SessionToken): string | undefined {
  const isAccountId =
    host.credentialsProviderIds().includes(provider) || (host.subIsAccountId && host.adapter() === undefined);
  return isAccountId ? textOf(token["sub"]) : undefined;
}

function adoptedClaim(indexer: Indexer, keyId: string, refreshToken: string, provider: string): GrantClaim {
  return { handle: mustHash(indexer.adoptedHandleOf(keyId, refreshToken)), keyId, provider };
}

/** The application's own finder. What it throws may quote the session, so it goes no further. */
function foundBy(
  find: (token: SessionToken) => RecipeTokens | undefined,
  token: SessionToken,
): RecipeTokens | undefined {
  try {
    return find(token);
  } catch (error) {
    const name = error instanceof Error ? error.name : typeof error;
    throw new InvalidOptionError("adoptSession", `must return tokens or undefined; it threw: ${name}`);
  }
}

/**
 * The one provider that a session without a name can belong to, if its tokens can be refreshed. A Credentials login counts
 * without a `refresh` function, too: its session would else be taken for another provider's, whose server would get its
 * refresh token (SEC-35).
 */
function onlyProvider({ options, host }: GrantsContext): string | undefined {
  const backends = Object.entries(options.providers ?? {}).filter(([, { refresh }]) => refresh !== undefined);
  const refreshable = new Set([...host.oauthProviderIds(), ...backends.map(([id]) => id)]);
  const [only, ...others] = new Set([...refreshable, ...host.credentialsProviderIds()]);
  return others.length === 0 && only !== undefined && refreshable.has(only) ? only : undefined;
}

/**
 * A recipe's token of unknown expiry may have expired long ago: the v4 guide long added the expiry to the current time,
 * decades away, and so never refreshed. It is taken to be about to end, so that its first reader gets a new one.
 */
function withBelievableExpiry(tokens: TokenEndpointResponse, nowMs: number): TokenEndpointResponse {
  if (lifetimeMsFrom(tokens.expires_in) !== undefined) return tokens;
  const expiresAtMs = epochMsFrom(tokens.expires_at);
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs + MAX_LIFETIME_MS) return tokens;
  return { ...tokens, expires_at: nowMs + UNKNOWN_LEFT_MS };
}

/**
 * When an adopted token was issued: recipes do not keep it. Taken to be now, a token near its end would look as if the
 * server issued such short ones, and a caller who asks for more life would be refused instead of waiting.
 */
function adoptedIssueMs({ expires_at }: TokenEndpointResponse, nowMs: number): number {
  const expiresAtMs = epochMsFrom(expires_at);
  return expiresAtMs === undefined ? nowMs : Math.min(nowMs, expiresAtMs - ADOPTED_LIFETIME_MS);
}

/** The error for a session whose grant was stored under a key that is not in the ring. It signs nobody out. */
export function missingKey(): StoreFailedError {
  return new StoreFailedError(
    "A session's grant was stored under a secret that is not in NOLAPSE_SECRET any more. Put the old secret back behind the new one",
  );
}

/** The ring has the key: it was asked for the key's id a moment ago. */
function mustHash(hash: string | undefined): string {
  if (hash === undefined)
    throw new InvalidOptionError("NOLAPSE_SECRET", "changed while the process runs; restart it");
  return hash;
}

/** The tokens are kept: what is stored now can be refreshed as soon as the function is there. */
function warnOfMissingRefresh(provider: string): void {
  warnOnce(
    `missing-refresh:${provider}`,
    `"${provider}" has refresh tokens but no way to use them: it is no OAuth provider. Set providers.${provider}.refresh, or no caller gets a token once the first has expired`,
  );
}

/** Nobody can renew a token in time whose end is not told: a backend of the application's own can be taught to tell it. */
function assertExpiry(provider: string, { expires_in, expires_at }: TokenEndpointResponse): void {
  if (lifetimeMsFrom(expires_in) !== undefined || epochMsFrom(expires_at) !== undefined) return;
  throw new InvalidOptionError(
    `providers.${provider}`,
    'brought an access token without an expiry: return "expires_in" (seconds) or "expires_at" with it, or set expiryFrom: "jwt-exp" if it is a JWT',
  );
}

function withJwtExpiry(tokens: TokenEndpointResponse, from: "jwt-exp" | undefined): TokenEndpointResponse {
  if (from === undefined || tokens.expires_in !== undefined || tokens.expires_at !== undefined) return tokens;
  const expiresAt = typeof tokens.access_token === "string" ? jwtExp(tokens.access_token) : undefined;
  return expiresAt === undefined ? tokens : { ...tokens, expires_at: expiresAt };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
