/**
 * Says of every possible answer of a token endpoint what it means: the outcome table, as one pure function.
 *
 * It runs before the checks of `oauth4webapi`, which throw away the whole answer for any odd member and read a
 * `WWW-Authenticate` header instead of the body. Two rules stand above the table:
 *
 * - An answer that carries a refresh token is never dropped for an odd member: the old refresh token may be spent, so
 *   dropping the new one would end the session. Only the tokens of somebody else are refused.
 * - A grant is called dead only by a code in a parsed body. Whatever cannot be read leaves it alive.
 *
 * An unknown `token_type` shows both sides. RFC 6749 section 7.1 forbids to use such an access token, so an answer
 * that carries nothing else is refused (SEC-42). With a refresh token in it the set is kept and the type recorded as
 * given: an API that does not accept it answers 401, which the application sees, while the chain stays unbroken.
 *
 * @see [RFC 6749, section 5](https://www.rfc-editor.org/rfc/rfc6749.html#section-5) - token response and errors
 * @module
 */
import type { RefreshOutcome } from "../core/refresher.ts";
import { tokenSetFrom, type TokenSet } from "../core/token-set.ts";
import type { TokenTarget } from "../core/token-target.ts";
import { compareIdToken } from "./id-token.ts";
import type { ProviderProfile, Refusal, RefusalKind } from "./provider-profile.ts";
import {
  challengeErrorOf,
  isJsonObject,
  parseBody,
  retryAfterMsFrom,
  type JsonObject,
  type ParsedBody,
  type RawAnswer,
} from "./raw-answer.ts";
import { REFUSALS, TARGET_REFUSALS } from "./refusals.ts";
import { safeCode, safeDetail } from "./safe-detail.ts";

/** What {@link classify} needs to know beside the answer. */
export interface ClassifyContext {
  readonly profile: ProviderProfile;
  readonly clientId: string;
  /** The token set that was renewed. */
  readonly previous: TokenSet;
  /** What the new access token was asked for. Absent: what the sign-in asked for. */
  readonly target?: TokenTarget;
  /** When the request was sent, in epoch milliseconds: lifetimes count from here. */
  readonly requestedAtMs: number;
  /** The time now, in epoch milliseconds: a `Retry-After` date counts from here. */
  readonly nowMs: number;
  /** Where the request went. New tokens are pinned to it (SEC-35). */
  readonly tokenEndpoint?: string;
  /** The issuer that ID tokens name, where it is known. */
  readonly issuer?: string;
  /** The only `alg` of ID tokens that is accepted. @defaultValue every one but `none` */
  readonly idTokenSignedResponseAlg?: string;
  /** What must not appear in the outcome's detail. The previous tokens are always among it. */
  readonly secrets?: readonly string[];
}

type Failure = Exclude<RefreshOutcome, { kind: "committed" }>;

/** The outcome that an answer means. Pure, and never throws. */
export function classify(answer: RawAnswer, context: ClassifyContext): RefreshOutcome {
  const { status } = answer;
  const parsed = parseBody(answer);
  if (status === 0 || (status >= 300 && status < 400)) {
    return {
      kind: "config",
      code: "redirect",
      detail: `the token endpoint answered with a redirect (${status})`,
    };
  }
  if (status >= 200 && status < 300) return classifySuccess(answer, parsed, context);
  return withRetryAfter(classifyRefusal(answer, parsed, context), answer, context);
}

function classifySuccess(answer: RawAnswer, parsed: ParsedBody, context: ClassifyContext): RefreshOutcome {
  if (parsed.kind === "object") {
    const members = context.profile.unwrap?.(parsed.members) ?? parsed.members;
    // Tokens come first: where there are some, an `error` beside them is an odd member like any other.
    if (isText(members["access_token"])) return classifyTokens(members, context);
    const refusal = readRefusal(parsed.members, answer.status, context.profile);
    if (refusal !== undefined) return withRetryAfter(refused(refusal, context), answer, context);
    return { kind: "committed_bad", code: "no_access_token" };
  }
  if (parsed.kind === "html") return { kind: "unknown", code: "html", answered: true };
  return unreadableBody(answer) ?? { kind: "committed_bad", code: "invalid_json" };
}

function classifyTokens(members: JsonObject, context: ClassifyContext): RefreshOutcome {
  const { profile, requestedAtMs, tokenEndpoint } = context;
  const idToken = members["id_token"];
  const verdict = isText(idToken) ? compareIdToken(idToken, expectedIdToken(context)) : "unusable";
  if (verdict === "mismatch") return { kind: "committed_bad", code: "subject_mismatch" };
  if (!isText(members["refresh_token"]) && !isUsableTokenType(members["token_type"], context)) {
    const type = safeDetail(members["token_type"], secretsOf(context));
    return { kind: "committed_bad", code: "token_type", ...(type !== undefined && { detail: type }) };
  }
  const { id_token: _unproven, ...withoutIdToken } = members;
  const tokenSet = tokenSetFrom(verdict === "same" ? members : withoutIdToken, {
    requestedAtMs,
    previous: previousFor(context),
    ...(profile.defaultLifetimeMs !== undefined && { defaultLifetimeMs: profile.defaultLifetimeMs }),
  });
  if (tokenSet === undefined) return { kind: "committed_bad", code: "no_access_token" };
  return {
    kind: "committed",
    tokenSet: tokenEndpoint === undefined ? tokenSet : { ...tokenSet, tokenEndpoint },
  };
}

/** What holds where the answer does not say: of a target's scope, only what was asked for (RFC 6749 section 5.1). */
function previousFor({ previous, target }: ClassifyContext): TokenSet {
  if (target === undefined) return previous;
  const { scope: _signIn, ...rest } = previous;
  return target.scope === undefined ? rest : { ...rest, scope: target.scope };
}

function expectedIdToken({
  profile,
  clientId,
  previous,
  issuer,
  idTokenSignedResponseAlg,
  nowMs,
}: ClassifyContext): Parameters<typeof compareIdToken>[1] {
  return {
    clientId,
    nowMs,
    ...(previous.idToken !== undefined && { previousIdToken: previous.idToken }),
    ...(issuer !== undefined && { issuer }),
    ...(profile.issuerAliases !== undefined && { issuerAliases: profile.issuerAliases }),
    ...(idTokenSignedResponseAlg !== undefined && { signedResponseAlg: idTokenSignedResponseAlg }),
  };
}

function isUsableTokenType(tokenType: unknown, { profile, previous }: ClassifyContext): boolean {
  if (!isText(tokenType)) return true;
  const type = tokenType.toLowerCase();
  const wasBoundToAKey = previous.tokenType.toLowerCase() === "dpop";
  if (type === "bearer") return !wasBoundToAKey;
  return type === "dpop" || profile.tokenTypes?.includes(type) === true;
}

function classifyRefusal(answer: RawAnswer, parsed: ParsedBody, context: ClassifyContext): Failure {
  const { status } = answer;
  const refusal = parsed.kind === "object" ? readRefusal(parsed.members, status, context.profile) : undefined;
  const detail = refusal === undefined ? undefined : detailOf(refusal, context);
  const said = detail === undefined ? {} : { detail };
  if (status === 429) return { kind: "not_committed", code: "http_429", ...said };
  if (status === 408 || status >= 500)
    return { kind: "unknown", code: `http_${status}`, answered: true, ...said };
  if (refusal !== undefined) return refused(refusal, context);
  const challenge = challengeErrorOf(answer);
  if (challenge !== undefined) {
    const outcome = refused({ code: challenge }, context);
    if (outcome.kind !== "rejected") return outcome;
  }
  if (parsed.kind === "object") {
    // A 403 with a pause to keep is a rate limit in all but its number.
    const kind = answer.headers.get("retry-after") === null ? "config" : "not_committed";
    return { kind, code: `http_${status}` };
  }
  if (parsed.kind === "html") return { kind: "unknown", code: `html_${status}`, answered: true };
  return unreadableBody(answer) ?? { kind: "unknown", code: `http_${status}`, answered: true };
}

function unreadableBody({ body, status }: RawAnswer): Failure | undefined {
  switch (body.kind) {
    case "timeout":
      return { kind: "unknown", code: "timeout", answered: true };
    case "cut":
      return { kind: "unknown", code: "reset", answered: true };
    case "too_large":
      return status < 300
        ? { kind: "committed_bad", code: "body_too_large" }
        : { kind: "unknown", code: "body_too_large", answered: true };
    case "complete":
      return undefined;
  }
}

function readRefusal(members: JsonObject, status: number, profile: ProviderProfile): Refusal | undefined {
  const own = profile.readRefusal?.(members, status);
  if (own !== undefined) return own;
  const { error } = members;
  const description =
    members["error_description"] ?? members["error_hint"] ?? members["message"] ?? members["reason"];
  if (isText(error)) {
    return isRetryHint(error, members)
      ? { code: error, kind: "not_committed", description }
      : { code: error, description };
  }
  if (isJsonObject(error)) {
    const code = error["status"] ?? error["type"] ?? error["code"];
    return { code: isText(code) ? code : "unknown_error", kind: "config", description: error["message"] };
  }
  return undefined;
}

/** Hydra refuses the loser of two concurrent refreshes with `invalid_request`, and means "retry" (Q17). */
function isRetryHint(error: string, members: JsonObject): boolean {
  if (error !== "invalid_request") return false;
  return ["error_description", "error_hint"].some((name) => /please retry/i.test(textOf(members[name])));
}

function refused(refusal: Refusal, context: ClassifyContext): Failure {
  const ofTarget = context.target !== undefined && TARGET_REFUSALS.has(refusal.code);
  const kind: RefusalKind = ofTarget
    ? "config"
    : (refusal.kind ?? context.profile.refusals?.get(refusal.code) ?? REFUSALS.get(refusal.code) ?? "config");
  const detail = detailOf(refusal, context);
  return {
    kind,
    code: safeCode(refusal.code, secretsOf(context)),
    ...(detail !== undefined && { detail }),
    ...(kind === "unknown" && { answered: true }),
  };
}

function detailOf({ description }: Refusal, context: ClassifyContext): string | undefined {
  return safeDetail(description, secretsOf(context));
}

function secretsOf({ previous, secrets = [] }: ClassifyContext): readonly string[] {
  const { accessToken, refreshToken = "", idToken = "", targets = {} } = previous;
  const others = Object.values(targets).map((target) => target.accessToken);
  return [accessToken, refreshToken, idToken, ...others, ...secrets];
}

function withRetryAfter(outcome: Failure, answer: RawAnswer, { nowMs }: ClassifyContext): Failure {
  const retryAfterMs = retryAfterMsFrom(answer.headers, nowMs);
  return retryAfterMs === undefined ? outcome : { ...outcome, retryAfterMs };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
