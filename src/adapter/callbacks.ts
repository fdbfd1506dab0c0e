/**
 * nolapse's share of NextAuth's callbacks and events, around the application's own.
 *
 * The first rule: a throw in `jwt` or `session` deletes the user's session, so nothing of ours throws here.
 *
 * @module
 */
import { isEmpty, isNothing, noteAnswer } from "./app-answer.ts";
import type { App } from "./app.ts";
import { claimOf, withClaim, withoutClaim, type SessionClaim, type SessionToken } from "./claim.ts";
import type { AdoptedSession, StoredGrant } from "./grants.ts";
import { currentRequestIfAny } from "./next-modules.ts";
import { withoutRecipeError, withRefreshLeftIn } from "./recipe-errors.ts";
import { reportFailure } from "./report.ts";
import { handlerContext } from "./request-context.ts";
import { beginProviderLogout } from "./rp-initiated-logout.ts";
import type { SessionFields } from "./session-fields.ts";
import { grantsOfClaim } from "./session-grants.ts";
import { fieldsOf, noteSignOut } from "./session-read.ts";
import { signInJwt, storeSignIn } from "./sign-in.ts";
import type { AccountLike } from "./sign-in-tokens.ts";
import { stripTokens } from "./strip-tokens.ts";
import { readSessionOf } from "./wrap-adapter.ts";

/** The parameters of NextAuth's `jwt` callback, as far as both versions share them. */
export interface JwtParams {
  readonly token: object;
  readonly user?: unknown;
  readonly account?: AccountLike | null | undefined;
  readonly profile?: unknown;
}

/** The parameters of NextAuth's `session` callback: with the JWT, or where sessions are rows of an adapter, with the user. */
export interface SessionParams {
  readonly session: object;
  readonly token?: object | null;
  readonly user?: unknown;
}

/** The parameters of NextAuth's `signIn` callback. */
export interface SignInParams {
  readonly user?: unknown;
  readonly account?: AccountLike | null | undefined;
}

/** nolapse's parts of the callbacks. */
export interface AppCallbacks {
  /** Stores the tokens of a sign-in before NextAuth goes on. Returns `true`, or the page to go to instead. */
  readonly signIn: (params: SignInParams) => Promise<true | string>;
  /**
   * Runs the application's own `jwt` callback without the claim and puts the claim back; takes tokens out. What is no JWT is
   * returned as it is, and the session's grants end where NextAuth then ends the session.
   */
  readonly jwt: <Params extends JwtParams>(
    params: Params,
    own: (params: Params) => unknown,
  ) => Promise<object | null | undefined>;
  /**
   * Adds the session fields to what the application's own `session` callback returned, and nothing to nothing.
   *
   * @param instead What NextAuth itself shows where that is nothing, if it does.
   */
  readonly session: <Params extends SessionParams>(
    params: Params,
    own: (params: Params) => unknown,
    instead?: (params: Params) => object,
  ) => Promise<unknown>;
  /**
   * Whether the JWT that `jwt` returned belongs to a user who has signed out. What it reads is what `session` then shows of
   * this very object. Never rejects.
   */
  readonly isSignedOut: (token: object) => Promise<boolean>;
  /** The last step of a session read: notes that the session ended meanwhile, so that its cookie is left alone. Never rejects. */
  readonly sessionRead: () => Promise<void>;
  /**
   * Whether a JWT belongs to a user who has signed out, as the `session` callback found for this very object. NextAuth
   * encodes it next; with nothing in it, it sets no cookie (F18). It deletes the one that came: the wrapped handler holds
   * that back (F43), in `getServerSession(req, res)` nobody can.
   */
  readonly isOver: (token: object | undefined) => boolean;
  /** Notes that a sign-in has come to a session: its cookie is on its way. */
  readonly signedIn: () => void;
  /** Ends all of the session's grants. */
  readonly signedOut: (token: SessionToken | null | undefined) => Promise<void>;
}

/** Binds the callbacks to one application. */
export function createCallbacks(app: App): AppCallbacks {
  // NextAuth hands the same account object to `signIn` and to `jwt`.
  const stored = new WeakMap<object, StoredGrant>();
  // It hands the JWT that `jwt` returned to `session`, and then to its `encode`.
  const over = new WeakSet<object>();
  const fieldsRead = new WeakMap<object, SessionFields>();
  return {
    async signIn({ account, user }) {
      if (!account) return true;
      try {
        const grant = await storeSignIn(app, account, user);
        if (grant !== undefined) stored.set(account, grant);
        return true;
      } catch (error) {
        reportFailure("The tokens of a sign-in could not be stored", error);
        return app.host.signInErrorUrl(handlerContext()?.source ?? (await currentRequestIfAny()));
      }
    },
    async jwt(params, own) {
      const { account } = params;
      return account
        ? signInJwt(app, { ...params, account }, own, stored.get(account))
        : laterJwt(app, params, own);
    },
    async session(params, own, instead) {
      const { token } = params;
      if (token === undefined) return databaseSession(app, params, own, instead);
      const claim = claimOf(token as SessionToken | null);
      const inner = { ...params, token: token && withoutClaim(token) };
      const answer = await own(inner);
      const session = instead ? (answer ?? instead(inner)) : answer;
      if (token === null || claim === undefined) return session;
      const fields = fieldsRead.get(token) ?? (await fieldsOf(app, () => grantsOfClaim(app, claim)));
      if (fields === undefined) over.add(token);
      // NextAuth reads an empty session as "nobody is signed in" (F18).
      if (fields === undefined) return {};
      await noteAnswerFor(app, claim, app.host.showsNobody(answer));
      return isEmpty(session) ? session : { ...withoutRecipeError(session as object), ...fields };
    },
    async isSignedOut(token) {
      const claim = claimOf(token as SessionToken);
      if (claim === undefined) return false;
      const fields = await fieldsOf(app, () => grantsOfClaim(app, claim));
      if (fields !== undefined) fieldsRead.set(token, fields);
      return fields === undefined;
    },
    sessionRead: () => noteSignOut(app),
    isOver: (token) => token !== undefined && over.has(token),
    signedIn() {
      const context = handlerContext();
      if (context) context.signedIn = true;
    },
    async signedOut(token) {
      const context = handlerContext();
      if (context) context.marker = null;
      try {
        const { grants } = await app.ready();
        const claim = claimOf(token) ?? (token ? (await grants.adopt(token))?.claim : undefined);
        if (claim === undefined) return;
        const leave = await beginProviderLogout(app, (await grantsOfClaim(app, claim)).own);
        try {
          await grants.endSession(claim, "signed_out");
        } finally {
          await leave();
        }
      } catch (error) {
        reportFailure(
          "A grant could not be ended at sign-out yet; it is refused here, and ended as soon as the store is back",
          error,
        );
      }
    },
  };
}

/** A session that is a row of the adapter. v5 gives its token to the `session` callback, and it goes no further (SEC-01). */
async function databaseSession<Params extends SessionParams>(
  { host }: App,
  params: Params,
  own: (params: Params) => unknown,
  instead: ((params: Params) => object) | undefined,
): Promise<unknown> {
  const read = readSessionOf(params.user);
  const { sessionToken } = params.session as { sessionToken?: unknown };
  const answer = await own(params);
  noteAnswer(read?.ownGrantId, host.showsNobody(answer));
  const session = instead ? (answer ?? instead(params)) : answer;
  if (isEmpty(session)) return session;
  const secrets = [read?.sessionToken, sessionToken].filter((each) => typeof each === "string");
  return { ...withoutRecipeError(stripTokens(session as object, secrets).value), ...read?.fields };
}

async function laterJwt<Params extends JwtParams>(
  app: App,
  params: Params,
  own: (params: Params) => unknown,
): Promise<object | null | undefined> {
  const claim = claimOf(params.token as SessionToken);
  const adopted = claim ? undefined : await adoptQuietly(app, params.token as SessionToken);
  const tokens = adopted?.tokens ?? [];
  const clean =
    adopted === undefined
      ? withoutClaim(params.token)
      : withoutRecipeError(stripTokens(params.token, tokens).value);
  const named = claim ?? adopted?.claim;
  const ask = (given: object): unknown => own({ ...params, token: given });
  const answer: unknown = await (named === undefined ? ask(clean) : withRefreshLeftIn(clean, ask));
  const token = answer as object | null | undefined;
  if (isNothing(token)) {
    if (named !== undefined) await refuse(app, named);
    return token;
  }
  if (named !== undefined) return withClaim(stripTokens(token, tokens).value, named);
  // An application may copy what a browser sends with update(): a claim never comes from there (SEC-70).
  return withoutClaim(token);
}

/** What a session has, where the application's own `jwt` callback does not let it in. Never rejects. */
async function refuse(app: App, claim: SessionClaim): Promise<void> {
  await noteAnswerFor(app, claim, true);
  // Only in the session route NextAuth deletes the cookie for good: elsewhere the next read may be let in.
  if (handlerContext()?.action !== "session") return;
  try {
    const { grants } = await app.ready();
    await grants.endSession(claim, "signed_out");
  } catch (error) {
    reportFailure("The grants of a session that your jwt callback refused could not be ended yet", error);
  }
}

/** As `noteAnswer`. Never rejects. */
async function noteAnswerFor(app: App, claim: SessionClaim, isNobody: boolean): Promise<void> {
  try {
    noteAnswer((await app.ready()).grants.idOf(claim), isNobody);
  } catch {
    // The secrets do not do: nobody gets a token anyway.
  }
}

async function adoptQuietly(app: App, token: SessionToken): Promise<AdoptedSession | undefined> {
  try {
    const { grants } = await app.ready();
    return await grants.adopt(token);
  } catch (error) {
    // The tokens stay in the cookie until the store is back: nothing the user has is lost.
    reportFailure("A session of a hand-written recipe could not be adopted", error);
    return undefined;
  }
}
