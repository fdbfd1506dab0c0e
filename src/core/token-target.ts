/**
 * Several access tokens out of one refresh token: for other resources, audiences or scopes than those of the sign-in.
 *
 * All of them spend the same refresh token, so one grant is still one chain, refreshed by one request at a time; the
 * access tokens for the other targets lie in the same sealed token set (I8, M19).
 *
 * @module
 */
import type { GrantRecord } from "./grant.ts";
import type { RotationPolicy } from "./rotation.ts";
import type { TokenSet } from "./token-set.ts";

/** What an access token is for. All that is given goes into the refresh request as it is. */
export interface TokenTarget {
  /** The resource server's URI (RFC 8707). */
  readonly resource?: string;
  /** The audience, where the server calls it so (Auth0, Keycloak's exchange and others). */
  readonly audience?: string;
  /** A narrower or, where the server allows it, another scope; space separated. */
  readonly scope?: string;
}

/** An access token for another target. */
export interface TargetToken {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly scope?: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs?: number;
}

/** How many targets one grant keeps access tokens for; the one that was renewed longest ago goes first. */
export const MAX_TARGETS = 8;

/** One name for equal targets; `undefined` for what the sign-in asked for. The order of scopes does not matter. */
export function targetKeyOf(target: TokenTarget | undefined): string | undefined {
  const { resource, audience, scope } = target ?? {};
  if (resource === undefined && audience === undefined && scope === undefined) return undefined;
  const scopes = scope === undefined ? undefined : [...new Set(scope.split(" ").filter(Boolean))].sort();
  return JSON.stringify([resource ?? null, audience ?? null, scopes ?? null]);
}

/** The token set as the reader of one target sees it: with that target's access token, expired if there is none yet. */
export function tokenSetFor(tokenSet: TokenSet, target: TokenTarget | undefined): TokenSet {
  const key = targetKeyOf(target);
  if (key === undefined) return tokenSet;
  const { expiresAtMs: _expiresAtMs, scope: _scope, ...rest } = tokenSet;
  const found = tokenSet.targets?.[key];
  return found === undefined
    ? { ...rest, accessToken: "", issuedAtMs: 0, expiresAtMs: 0 }
    : { ...rest, ...found };
}

/** The record as the reader of one target sees it: its times are those of that target's access token. */
export function recordFor(
  grant: GrantRecord,
  open: () => TokenSet | undefined,
  target: TokenTarget | undefined,
): GrantRecord {
  const tokenSet = targetKeyOf(target) === undefined ? undefined : open();
  if (tokenSet === undefined) return grant;
  const { issuedAtMs, expiresAtMs } = tokenSetFor(tokenSet, target);
  return { ...grant, accessTokenIssuedAtMs: issuedAtMs, accessTokenExpiresAtMs: expiresAtMs ?? null };
}

/**
 * What is stored after a refresh: the answer, beside the access tokens of the other targets.
 *
 * @param previous The token set whose refresh token was spent.
 * @param answer What the server made of it; its access token is for `target`.
 */
export function mergedTokenSet(
  previous: TokenSet,
  answer: TokenSet,
  target: TokenTarget | undefined,
  policy: Pick<RotationPolicy, "accessTokensDie">,
): TokenSet {
  const key = targetKeyOf(target);
  const kept = policy.accessTokensDie === true ? {} : livingTargets(previous, answer.issuedAtMs);
  if (key === undefined) return withTargets(answer, kept);
  const { accessToken, tokenType, scope, issuedAtMs, expiresAtMs } = answer;
  const { [key]: _renewed, ...others } = kept;
  const renewed: TargetToken = {
    ...{ accessToken, tokenType, issuedAtMs },
    ...(scope !== undefined && { scope }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
  };
  const targets = Object.fromEntries(
    [...Object.entries(others), [key, renewed] as const].slice(-MAX_TARGETS),
  );
  const { refreshToken, refreshTokenExpiresAtMs, idToken } = answer;
  const { refreshTokenExpiresAtMs: _ended, ...first } = previous;
  return withTargets(
    {
      ...first,
      ...(policy.accessTokensDie === true && endedAt(first, answer.issuedAtMs)),
      ...(refreshToken !== undefined && { refreshToken }),
      ...(refreshTokenExpiresAtMs !== undefined && { refreshTokenExpiresAtMs }),
      ...(idToken !== undefined && { idToken }),
    },
    targets,
  );
}

/** The times of an access token that was killed: it counts as expired, and its whole life stays known. */
function endedAt(
  { issuedAtMs, expiresAtMs }: TokenSet,
  nowMs: number,
): Pick<TokenSet, "issuedAtMs" | "expiresAtMs"> {
  const earlyMs = expiresAtMs === undefined ? 0 : Math.max(0, expiresAtMs - nowMs);
  return { issuedAtMs: issuedAtMs - earlyMs, expiresAtMs: nowMs };
}

function livingTargets({ targets }: TokenSet, nowMs: number): Record<string, TargetToken> {
  return Object.fromEntries(
    Object.entries(targets ?? {}).filter(
      ([, { expiresAtMs }]) => expiresAtMs === undefined || expiresAtMs > nowMs,
    ),
  );
}

function withTargets(tokenSet: TokenSet, targets: Record<string, TargetToken>): TokenSet {
  const { targets: _before, ...rest } = tokenSet;
  return Object.keys(targets).length === 0 ? rest : { ...rest, targets };
}
