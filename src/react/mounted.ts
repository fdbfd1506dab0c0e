/**
 * The live sessions of the page, once they are up: how hooks and code outside React find them. Empty on a server, because
 * only an effect puts one in.
 *
 * @module
 */
import type { Marker } from "../client/marker.ts";
import type { Peer, Sharing } from "../client/sharing.ts";
import type { SignInPolicy } from "../client/sign-in-policy.ts";
import type { LiveSession } from "./live-session.ts";

/** A live session with what {@link afterLoad} adds to it. */
export interface MountedSession {
  readonly live: LiveSession;
  /** What it and the other tabs do for each other: members are read at each use, so that the devtools panel can replace them. */
  readonly peer: Peer;
  readonly sharing: Sharing;
  readonly policy: SignInPolicy;
  readonly marker: Marker;
  /** Calls back on all that the session learns, changed or not. */
  onNews(listener: () => void): () => void;
  /** Runs this when the session's provider is taken away, at once if it is. */
  onStop(run: () => void): void;
}

const mounted: MountedSession[] = [];
const listeners = new Set<() => void>();

/** By the session route, the one that was put in last. What it knew outlives it. */
export const lastMounted: Map<string, MountedSession> = new Map();

/** Puts one in. The returned function takes it out. */
export function mount(session: MountedSession): () => void {
  mounted.push(session);
  lastMounted.set(session.live.url(), session);
  tell();
  return () => {
    mounted.splice(mounted.indexOf(session), 1);
    tell();
  };
}

/** All of the page. */
export function mountedSessions(): readonly MountedSession[] {
  return mounted;
}

/** The one of `live`; without it the one that was mounted last. */
export function mountedSession(live?: LiveSession): MountedSession | undefined {
  return live ? mounted.find((session) => session.live === live) : mounted.at(-1);
}

/** Calls back when one comes or goes. */
export function onMounted(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Does something with the mounted session of `live`, or the last one, now and whenever it is another one. What `run` returns
 * undoes it. The returned function ends it.
 */
export function followMounted(
  live: LiveSession | undefined,
  run: (session: MountedSession) => () => void,
): () => void {
  let current: MountedSession | undefined;
  let undo: (() => void) | undefined;
  const look = (): void => {
    const next = mountedSession(live);
    if (next === current) return;
    undo?.();
    current = next;
    undo = next && run(next);
  };
  const stop = onMounted(look);
  look();
  return () => {
    stop();
    undo?.();
  };
}

function tell(): void {
  for (const listener of [...listeners]) listener();
}
