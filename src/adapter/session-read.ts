/**
 * What a session read shows of the session's grants, and whether the session is still one.
 *
 * @module
 */
import { isTokenError } from "../core/errors.ts";
import type { GrantView, ViewAsk } from "../core/view-grant.ts";
import type { App } from "./app.ts";
import { grantsIn, type GrantClaim, type SessionClaim } from "./claim.ts";
import { missingKey } from "./grants.ts";
import { currentRequestIfAny } from "./next-modules.ts";
import { reportFailure, warnOnce } from "./report.ts";
import { handlerContext } from "./request-context.ts";
import { isPrefetch } from "./request-source.ts";
import {
  UNREADABLE_FIELDS,
  sessionFieldsOf,
  tokenStateOf,
  type SessionFields,
  type TokenState,
} from "./session-fields.ts";

/** The session fields of a session; `undefined` if its user has signed out. Never rejects. */
export async function fieldsOf(app: App, claim: SessionClaim): Promise<SessionFields | undefined> {
  const context = handlerContext();
  if (context) context.reading = claim;
  const source = context?.source ?? (await currentRequestIfAny());
  const ask: ViewAsk = {
    mayRefresh: source === undefined || !isPrefetch(source),
    door: context?.door ?? "session",
  };
  const [own, ...linked] = grantsIn(claim);
  const view = await viewOf(app, own, {
    ...ask,
    wait: context !== undefined,
    withAccessToken: app.options.exposeAccessToken === true,
  });
  if (view?.status === "ended" && isSignedOut(view.reason)) {
    if (context) context.signedOut = true;
    return undefined;
  }
  const fields = view === undefined ? UNREADABLE_FIELDS : sessionFieldsOf(view, app.host.sessionErrorName);
  if (linked.length === 0) return fields;
  // Nobody waits for these: a tab asks in order to learn the expiry of the session's own token.
  const states = linked.map(async (each): Promise<[string, TokenState]> => {
    const seen = await viewOf(app, each, ask);
    return [each.provider, seen === undefined ? { status: "retrying" } : tokenStateOf(seen)];
  });
  return { ...fields, tokenStates: Object.fromEntries(await Promise.all(states)) };
}

/** Notes in the context of the request that the session it reads has ended meanwhile. Never rejects. */
export async function noteSignOut(app: App): Promise<void> {
  const context = handlerContext();
  if (context?.reading === undefined || context.signedOut === true) return;
  try {
    const { manager, grants } = await app.ready();
    const id = grants.idOf(context.reading);
    const end = id === undefined ? undefined : await manager.endReasonOf(id);
    context.signedOut = end !== undefined && isSignedOut(end);
  } catch {
    // What the session callback saw stands: the store is away, and nobody is signed out by that (I6).
  }
}

/** Whether the end of a session's own grant means that nobody is signed in by its cookie any more. */
export function isSignedOut(reason: string): boolean {
  return reason === "signed_out" || reason === "replaced" || reason === "revoked";
}

/** `undefined`: it cannot be read now. */
async function viewOf(app: App, claim: GrantClaim, ask: ViewAsk): Promise<GrantView | undefined> {
  try {
    const { manager, grants } = await app.ready();
    const id = grants.idOf(claim);
    if (id !== undefined) return await manager.view(id, ask);
    warnOnce(`missing-key:${claim.keyId}`, missingKey().message);
  } catch (error) {
    if (!isTokenError(error) || error.code !== "store_failed")
      reportFailure("The session fields could not be read", error);
  }
  return undefined;
}
