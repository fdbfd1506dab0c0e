/**
 * What happens to the tokens of a sign-in: they are stored before NextAuth goes on, kept out of the cookie, and named by
 * the claim of the new session, together with what that keeps of the session before.
 *
 * @module
 */
import { isNothing } from "./app-answer.ts";
import type { App } from "./app.ts";
import type { JwtParams } from "./callbacks.ts";
import { withClaim, withoutClaim, type SessionClaim, type SessionToken } from "./claim.ts";
import { storeForDatabase } from "./database-sign-in.ts";
import type { SignIn, StoredGrant } from "./grants.ts";
import { claimAfterSignIn, isSameUser, joinedSession } from "./linked-sign-in.ts";
import { reportFailure, warnOnce } from "./report.ts";
import { HOW_TO_WRAP, handlerContext } from "./request-context.ts";
import { signInTokens, type AccountLike } from "./sign-in-tokens.ts";
import { stripTokens } from "./strip-tokens.ts";

/** The parameters of NextAuth's `jwt` callback at a sign-in. */
export type SignInJwtParams<Params extends JwtParams> = Params & { readonly account: AccountLike };

/**
 * Stores the tokens of a sign-in; `undefined` if it brought none. Rejects with `StoreFailedError`, or with
 * `InvalidOptionError` where the tokens are not such as could be kept.
 */
export async function storeSignIn(
  app: App,
  account: AccountLike,
  user: unknown,
): Promise<StoredGrant | undefined> {
  const signIn = signInOf(app, account, user);
  if (signIn === undefined) return undefined;
  const { provider, type } = account;
  const isDatabase = app.host.strategy() === "database";
  // NextAuth makes no session of it there (D26).
  if (isDatabase && type === "credentials") return undefined;
  const { grants, profileOf } = await app.ready();
  const context = handlerContext();
  const joined = isDatabase ? undefined : await joinedSession(app, context?.previous, account);
  const grant = isDatabase
    ? await storeForDatabase(app, signIn, account)
    : await grants.store(signIn, joined && grants.sessionRefOf(joined));
  if (context) context.stored = grant;
  if (!grant.refreshable && profileOf(provider).hasRefreshGrant) {
    warnOnce(
      `no-refresh-token:${provider}`,
      `The sign-in with "${provider}" brought no refresh token, so the user has to sign in again when the access token expires. ${profileOf(provider).refreshTokenHint}`,
    );
  }
  return grant;
}

/**
 * The JWT of a sign-in: what the application's own callback returned, without the tokens, and with the claim. What is no JWT
 * is returned as it is, and what the sign-in stored ends.
 *
 * @param known The grant, if the `signIn` callback has stored it already.
 */
export async function signInJwt<Params extends JwtParams>(
  app: App,
  params: SignInJwtParams<Params>,
  own: (params: Params) => unknown,
  known: StoredGrant | undefined,
): Promise<object | null | undefined> {
  const { account, user } = params;
  if (handlerContext() === undefined) warnOfBareRoute();
  const { tokens } = signInOf(app, account, user) ?? {};
  const token = (await own(params)) as object | null | undefined;
  if (isNothing(token)) {
    await refuse(app, known);
    return token;
  }
  const secrets = [tokens?.access_token, tokens?.refresh_token, tokens?.id_token].map(textOf);
  const { value, paths } = stripTokens(token, secrets);
  if (paths.length > 0) {
    warnOnce(
      `stripped:${paths.join()}`,
      `Your jwt callback puts tokens into the session cookie (${paths.join(", ")}); they were left out. Call getAccessToken() where you need the access token`,
    );
  }
  try {
    const stored = known ?? (await storeSignIn(app, account, user));
    const claim = await claimOfSignIn(app, params, value as SessionToken, stored);
    if (claim !== undefined) return withClaim(value, claim);
  } catch (error) {
    reportFailure("The tokens of a sign-in could not be stored", error);
  }
  // A claim never comes from what an application's callback returned (SEC-70).
  return withoutClaim(value);
}

/** A sign-in works without the wrapper, and so does what comes next to it: nobody would notice what is missing. */
function warnOfBareRoute(): void {
  warnOnce(
    "bare-route",
    `A sign-in came by a route that is not wrapped. The grants of the session before it are not ended, an old cookie can come back, and the session does not wait for a due refresh. Wrap it: ${HOW_TO_WRAP}`,
  );
}

/** The grant of a sign-in that the application's own `jwt` callback does not let in. Never rejects. */
async function refuse(app: App, stored: StoredGrant | undefined): Promise<void> {
  const context = handlerContext();
  // What else is to end, and how, depends on what NextAuth makes of it.
  if (context !== undefined) context.isRefused = true;
  if (context !== undefined || stored === undefined) return;
  try {
    const { grants } = await app.ready();
    await grants.end(stored.claim, "revoked");
  } catch (error) {
    reportFailure("The grant of a sign-in that your jwt callback refused could not be ended yet", error);
  }
}

async function claimOfSignIn(
  app: App,
  { account, user }: { readonly account: AccountLike; readonly user?: unknown },
  token: SessionToken,
  stored: StoredGrant | undefined,
): Promise<SessionClaim | undefined> {
  const context = handlerContext();
  const previous = context?.previous;
  if (context === undefined || previous === undefined) return stored?.claim;
  if (await isSameUser(app, previous, token, account)) {
    return (context.claim = claimAfterSignIn(previous, stored?.claim));
  }
  const alone = stored?.joined === true ? await storedAlone(app, account, user, stored) : stored;
  if (alone !== undefined) context.stored = alone;
  return (context.claim = alone?.claim);
}

/** Takes a grant out of the session of somebody else, which it was stored for: whoever ends that must not end this one. */
async function storedAlone(
  app: App,
  account: AccountLike,
  user: unknown,
  joined: StoredGrant,
): Promise<StoredGrant | undefined> {
  const signIn = signInOf(app, account, user);
  const { grants } = await app.ready();
  const alone = signIn && (await grants.store(signIn));
  // The same tokens are in both.
  await grants.end(joined.claim, "replaced", false);
  return alone;
}

function signInOf(app: App, account: AccountLike, user: unknown): SignIn | undefined {
  const { provider, providerAccountId } = account;
  const tokens = signInTokens(account, user, app.options.providers?.[provider]?.userTokens);
  const subject = idText(providerAccountId) ?? idText((user as { id?: unknown } | undefined)?.id);
  return tokens && { provider, tokens, subject };
}

/** NextAuth hands on what `authorize` returned as the id: the number of a database's row, as it may be. */
function idText(id: unknown): string | undefined {
  if (id === undefined || id === null || id === "") return undefined;
  return (id as { toString: () => string }).toString();
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
