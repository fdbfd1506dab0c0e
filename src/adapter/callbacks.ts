/**
 * nolapse's share of NextAuth's callbacks and events, around the application's own.
 *
 * The first rule: a throw in `jwt` or `session` deletes the user's session, so nothing of ours throws here.
 *
 * @module
 */
import type { App } from "./app.ts";
import { claimOf, withClaim, withoutClaim, type SessionToken } from "./claim.ts";
import type { AdoptedSession, StoredGrant } from "./grants.ts";
import { currentRequestIfAny } from "./next-modules.ts";
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
  readonly token?: object;
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
  /** Runs the application's own `jwt` callback without the claim and puts the claim back; takes tokens out. */
  readonly jwt: <Params extends JwtParams>(
    params: Params,
    own: (params: Params) => unknown,
  ) => Promise<object>;
  /** Adds the session fields to what the application's own `session` callback returned. */
  readonly session: <Params extends SessionParams>(
    params: Params,
    own: (params: Params) => unknown,
  ) => Promise<object>;
  /**
   * Whether the JWT that `jwt` returned belongs to a user who has signed out. What it reads is what `session` then shows of
   * this very object. Never rejects.
   */
  readonly isSignedOut: (token: object) => Promise<boolean>;
  /** Ends the grants of a JWT that the application's own `jwt` callback has refused. Never rejects. */
  readonly refused: (token: object, at: "sign-in" | "session read") => Promise<void>;
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

/** The names that the guides give to a refresh that failed. */
const RECIPE_ERRORS: ReadonlySet<string> = new Set(["RefreshAccessTokenError", "RefreshTokenError"]);

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
    async session(params, own) {
      const { token } = params;
      if (token === undefined) return databaseSession(params, own);
      const claim = claimOf(token as SessionToken);
      const session = (await own({ ...params, token: withoutClaim(token) })) as object | undefined;
      if (claim === undefined) return session ?? {};
      const fields = fieldsRead.get(token) ?? (await fieldsOf(app, () => grantsOfClaim(app, claim)));
      if (fields === undefined) over.add(token);
      // NextAuth reads an empty session as "nobody is signed in" (F18).
      return fields === undefined ? {} : { ...withoutRecipeError(session ?? {}), ...fields };
    },
    async isSignedOut(token) {
      const claim = claimOf(token as SessionToken);
      if (claim === undefined) return false;
      const fields = await fieldsOf(app, () => grantsOfClaim(app, claim));
      if (fields !== undefined) fieldsRead.set(token, fields);
      return fields === undefined;
    },
    async refused(token, at) {
      const claim = claimOf(token as SessionToken);
      // Outside the route the cookie is not deleted: the session goes on, and the next read may be let in.
      if (claim === undefined || (at === "session read" && handlerContext() === undefined)) return;
      try {
        const { grants } = await app.ready();
        await grants.endSession(claim, at === "sign-in" ? "revoked" : "signed_out");
      } catch (error) {
        reportFailure("The grants of a session that your jwt callback refused could not be ended yet", error);
      }
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
  params: Params,
  own: (params: Params) => unknown,
): Promise<object> {
  const read = readSessionOf(params.user);
  const { sessionToken } = params.session as { sessionToken?: unknown };
  const session = (await own(params)) as object | undefined;
  const secrets = [read?.sessionToken, sessionToken].filter((each) => typeof each === "string");
  return { ...withoutRecipeError(stripTokens(session ?? {}, secrets).value), ...read?.fields };
}

async function laterJwt<Params extends JwtParams>(
  app: App,
  params: Params,
  own: (params: Params) => unknown,
): Promise<object> {
  const claim = claimOf(params.token as SessionToken);
  if (claim) {
    const token = (await own({ ...params, token: withoutClaim(params.token) })) as object | null;
    return withClaim(token ?? withoutClaim(params.token), claim);
  }
  const adopted = await adoptQuietly(app, params.token as SessionToken);
  if (adopted === undefined) {
    const token = (await own(params)) as object | null;
    // An application may copy what a browser sends with update(): a claim never comes from there (SEC-70).
    return withoutClaim(token ?? params.token);
  }
  const clean = withoutRecipeError(stripTokens(params.token, adopted.tokens).value);
  const token = (await own({ ...params, token: clean })) as object | null;
  return withClaim(stripTokens(token ?? clean, adopted.tokens).value, adopted.claim);
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

/**
 * Leaves out the error that a hand-written recipe noted. It never goes away by itself (F32), and whether a new sign-in is
 * needed is said by the grant alone.
 */
function withoutRecipeError<Value extends object>(value: Value): Value {
  const { error, ...rest } = value as { error?: unknown };
  return typeof error === "string" && RECIPE_ERRORS.has(error) ? (rest as Value) : value;
}
