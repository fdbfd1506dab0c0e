/**
 * What the wrapped handler tells the callbacks about the request they run in: NextAuth's callbacks do not get it.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { GrantClaim } from "./claim.ts";
import type { StoredGrant } from "./grants.ts";
import type { RequestSource } from "./request-source.ts";

/** One request to the NextAuth route. */
export interface HandlerContext {
  readonly source: RequestSource;
  /** `session`, `callback`, `signout`, ... */
  readonly action: string | undefined;
  /** Who asked, for events. */
  readonly door: string;
  /** The grant of the session that the browser had before this request. */
  readonly previous: GrantClaim | undefined;
  /** The grant that a sign-in in this request stored. */
  stored?: StoredGrant;
  /** Set when a sign-in in this request has come to a session. */
  signedIn?: boolean;
  /** The grant whose session this request reads. */
  reading?: GrantClaim;
  /** Set when the session that this request reads, or an application's callback in it, belongs to a user who has signed out. */
  signedOut?: boolean;
}

const key = Symbol.for("nolapse.handler-context.v1");
const holder = globalThis as unknown as Record<symbol, AsyncLocalStorage<HandlerContext> | undefined>;
/** One per process, because Next bundles a module more than once. */
const storage = (holder[key] ??= new AsyncLocalStorage<HandlerContext>());

/** Runs a handler inside its context. */
export function inHandler<Result>(context: HandlerContext, run: () => Result): Result {
  return storage.run(context, run);
}

/** The context of the NextAuth route, `undefined` outside it. */
export function handlerContext(): HandlerContext | undefined {
  return storage.getStore();
}
