/**
 * What a session read shows of the session's grants, and whether the session is still one.
 *
 * @module
 */
import { isTokenError } from "../core/errors.ts";
import type { GrantView, ViewAsk } from "../core/view-grant.ts";
import type { App } from "./app.ts";
import { missingKey } from "./grants.ts";
import { currentRequestIfAny } from "./next-modules.ts";
import { reportFailure, warnOnce } from "./report.ts";
import { handlerContext } from "./request-context.ts";
import { isPrefetch } from "./request-source.ts";
import { markerOf } from "./token-marker.ts";
import { endAdded, isSignedOut, leavesAdded, type NamedGrant, type SessionGrants } from "./session-grants.ts";
import {
  UNREADABLE_FIELDS,
  sessionFieldsOf,
  tokenStateOf,
  type SessionFields,
  type TokenState,
} from "./session-fields.ts";

/**
 * What a session shows of its grants; `undefined` if its user has signed out, and nothing if there are none. Never rejects.
 *
 * @param find Finds the session's grants. Where it rejects, the session stands and its tab asks again soon (I6).
 */
export async function fieldsOf(
  app: App,
  find: () => Promise<SessionGrants | undefined>,
): Promise<SessionFields | undefined> {
  try {
    const grants = await find();
    return grants === undefined ? {} : await fieldsOfGrants(app, grants);
  } catch (error) {
    reportUnlessStore(error);
    return UNREADABLE_FIELDS;
  }
}

async function fieldsOfGrants(app: App, grants: SessionGrants): Promise<SessionFields | undefined> {
  const { own, others } = grants;
  const context = handlerContext();
  if (context) context.reading = own;
  const source = context?.source ?? (await currentRequestIfAny());
  const ask: ViewAsk = {
    mayRefresh: source === undefined || !isPrefetch(source),
    door: context?.door ?? "session",
  };
  const view = await viewOf(app, own, {
    ...ask,
    wait: context !== undefined,
    withAccessToken: app.options.exposeAccessToken === true,
  });
  if (view?.status === "ended" && isSignedOut(view.reason)) {
    if (context) context.signedOut = true;
    if (leavesAdded(view.reason)) await endAdded(app, grants, view.reason);
    return undefined;
  }
  const fields = view === undefined ? UNREADABLE_FIELDS : sessionFieldsOf(view, app.host.sessionErrorName);
  if (context?.action === "session" && view !== undefined && view.status !== "ended")
    context.marker = markerOf(view.expiresAtMs);
  // Nobody waits for these: a tab asks in order to learn the expiry of the session's own token.
  const states = await Promise.all(
    (await others().catch(noneFound)).map(async (each): Promise<[string, TokenState]> => {
      const seen = await viewOf(app, each, ask);
      return [each.provider, seen === undefined ? { status: "retrying" } : tokenStateOf(seen)];
    }),
  );
  return states.length === 0 ? fields : { ...fields, tokenStates: Object.fromEntries(states) };
}

/** Notes in the context of the request that the session it reads has ended meanwhile. Never rejects. */
export async function noteSignOut(app: App): Promise<void> {
  const context = handlerContext();
  if (context?.reading === undefined || context.signedOut === true) return;
  try {
    const { manager } = await app.ready();
    const { id } = context.reading;
    const end = id === undefined ? undefined : await manager.endReasonOf(id);
    context.signedOut = end !== undefined && isSignedOut(end);
  } catch {
    // What the session callback saw stands: the store is away, and nobody is signed out by that (I6).
  }
}

/** `undefined`: it cannot be read now. */
async function viewOf(app: App, { id, keyId }: NamedGrant, ask: ViewAsk): Promise<GrantView | undefined> {
  try {
    if (id !== undefined) return await (await app.ready()).manager.view(id, ask);
    warnOnce(`missing-key:${keyId}`, missingKey().message);
  } catch (error) {
    reportUnlessStore(error);
  }
  return undefined;
}

function noneFound(error: unknown): readonly NamedGrant[] {
  reportUnlessStore(error);
  return [];
}

/** A store that is away is told of by events. */
function reportUnlessStore(error: unknown): void {
  if (!isTokenError(error) || error.code !== "store_failed") {
    reportFailure("The session fields could not be read", error);
  }
}
