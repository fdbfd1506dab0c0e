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
      () => live.surroundings.fetch,
    ),
    session: peer.latest,
    named() {
      marker.look();
      return marker.named();
    },
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

/** As an error that nobody caught. */
function report(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
