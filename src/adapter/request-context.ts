/**
 * What the wrapped handler tells the callbacks about the request they run in: NextAuth's callbacks do not get it.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { SessionClaim, SessionToken } from "./claim.ts";
import type { Place } from "./database-sessions.ts";
import type { SignIn, StoredGrant } from "./grants.ts";
import type { RequestSource } from "./request-source.ts";
import type { NamedGrant, SessionGrants } from "./session-grants.ts";

/** The session that a browser had before a sign-in. */
export interface PreviousSession {
  readonly claim: SessionClaim;
  readonly token: SessionToken;
  /** Whether its own grant still gives tokens. */
  readonly isUsable: boolean;
}

/** A sign-in where sessions are rows of the adapter. */
export interface DatabaseSignIn {
  /** The token of the session that the browser had before. */
  readonly previous: string | undefined;
  /** The token that a new session will get. */
  upcoming?: string;
  /** What the sign-in brought, the session and place that it was stored for, and the grants there whose place it takes. */
  stored?: {
    readonly signIn: SignIn;
    readonly sessionToken: string;
    readonly place: Place;
    readonly replaced: readonly string[];
  };
  /** The token of the session that NextAuth has made. */
  created?: string;
}

/** One request to the NextAuth route. */
export interface HandlerContext {
  readonly source: RequestSource;
  /** `session`, `callback`, `signout`, ... */
  readonly action: string | undefined;
  /** Who asked, for events. */
  readonly door: string;
  /** The session that the browser had before this request, if it signs in. */
  readonly previous: PreviousSession | undefined;
  /** Set for a sign-in, or the start of one by a passkey, where the session that the browser had before is over, though its cookie still opens. */
  readonly isOver?: boolean;
  /** The grants of a session whose own one was ended from outside, if it signs in. */
  readonly left?: SessionGrants | undefined;
  /** Its sign-in, where sessions are rows of the adapter. */
  readonly database: DatabaseSignIn | undefined;
  /** From where NextAuth sends the user after a sign-out to where the provider takes over, if it shall. */
  leaveBy?: (destination: string) => string;
  /** The grant that a sign-in in this request stored. */
  stored?: StoredGrant;
  /** The claim of the session that a sign-in in this request makes. */
  claim?: SessionClaim | undefined;
  /** The marker that its answer leaves in the browser; `null`: none any more, because the user has signed out. */
  marker?: string | null | undefined;
  /** Set when the application's own `jwt` callback has returned no JWT for a sign-in in this request. */
  isRefused?: boolean;
  /** Set when a sign-in in this request has come to a session. */
  signedIn?: boolean;
  /** The own grant of the session that this request reads. */
  reading?: NamedGrant;
  /** The own grants of sessions whose cookie a sign-in has replaced since this request came, though they go on. */
  readonly newCookies: Set<string>;
  /** Set when the session that this request reads, or an application's callback in it, belongs to a user who has signed out. */
  signedOut?: boolean;
}

/** What an application without the wrapper has to do. */
export const HOW_TO_WRAP =
  "wrapHandler(NextAuth(authOptions)), or wrapAuth(NextAuth(authConfig)) in version 5";

interface Shared {
  readonly storage: AsyncLocalStorage<HandlerContext>;
  /** The requests that this process is answering. */
  readonly running: Set<HandlerContext>;
}

const key = Symbol.for("nolapse.handler-context.v2");
const holder = globalThis as unknown as Record<symbol, Shared | undefined>;
/** One per process, because Next bundles a module more than once. */
const shared = (holder[key] ??= { storage: new AsyncLocalStorage<HandlerContext>(), running: new Set() });

/** Runs a handler inside its context. */
export async function inHandler(context: HandlerContext, run: () => unknown): Promise<unknown> {
  shared.running.add(context);
  try {
    return await shared.storage.run(context, run);
  } finally {
    shared.running.delete(context);
  }
}

/** The context of the NextAuth route, `undefined` outside it. */
export function handlerContext(): HandlerContext | undefined {
  return shared.storage.getStore();
}

/**
 * Notes that a session goes on with a new cookie: what this process is answering to the old one must not set that again.
 * Other processes are not told, and at worst lose the link to the grant that was added.
 */
export function noteNewCookie(ownGrantId: string): void {
  for (const context of shared.running) context.newCookies.add(ownGrantId);
}
