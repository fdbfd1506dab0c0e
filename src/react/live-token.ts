/**
 * The token source of a live session. Loaded when a page first asks for its token, and never on a server.
 *
 * @module
 */
import { browserFetchToken } from "../client/browser-token.ts";
import { isIdle } from "../client/plan.ts";
import { createTokenSource, type TokenSource } from "../client/token-source.ts";
import type { MountedSession } from "./mounted.ts";

const sources = new WeakMap<MountedSession, TokenSource>();

/** The one source of a mounted session. It ends with it. */
export function tokenSourceOf(session: MountedSession): TokenSource {
  const before = sources.get(session);
  if (before) return before;
  const { live, peer, marker } = session;
  const source = createTokenSource({
    environment: live.surroundings.environment,
    fetchToken: browserFetchToken(
      () => live.url().replace(/session$/, "access-token"),
      () => live.surroundings.through,
    ),
    session: peer.latest,
    named() {
      marker.look();
      return marker.named();
    },
    confirm: (signal) => confirmSession(session, signal),
    isIdle() {
      const state = peer.state();
      return state !== undefined && isIdle(state, live.surroundings.environment.read(), peer.settings());
    },
    onListenerError: report,
  });
  sources.set(session, source);
  const stops = [
    session.onNews(() => source.heard(peer.state()?.failures === 0)),
    marker.onChange(source.look),
    source.stop,
  ];
  session.onStop(() => {
    for (const stop of stops) stop();
  });
  return source;
}

/**
 * Has one tab ask for the session, for all of them as with the marker, and this one itself where it may not or has begun to
 * before. Resolves to whether there was an answer.
 */
async function confirmSession({ live, peer, onNews }: MountedSession, signal: AbortSignal): Promise<boolean> {
  const { scheduler, surroundings } = live;
  const before = peer.state();
  scheduler.wake("marker");
  if (peer.state()?.asked === before?.asked) {
    const answer = await surroundings.fetchSession("marker", signal);
    if (signal.aborted || answer.kind === "failed" || answer.kind === "refused") return false;
    if (answer.kind === "session") scheduler.tell(answer.session);
    else scheduler.confirm();
    return answer.kind === "session";
  }
  return new Promise((resolve) => {
    const end = (isAnswered: boolean): void => {
      stop();
      signal.removeEventListener("abort", giveUp);
      resolve(isAnswered);
    };
    const giveUp = (): void => end(false);
    const stop = onNews(() => {
      const state = peer.state();
      if (state?.answeredAt !== before?.answeredAt) end(true);
      else if (state?.failedAt !== before?.failedAt) end(false);
    });
    signal.addEventListener("abort", giveUp);
  });
}

/** As an error that nobody caught. */
function report(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
