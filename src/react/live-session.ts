/**
 * What stands behind {@link SessionProvider}, without React: the scheduler, `update()`, and next-auth's own functions as a
 * source of news.
 *
 * @module
 */
import type { Session } from "next-auth";
import { browserEnvironment, browserFetchSession } from "../client/browser.ts";
import type { Environment } from "../client/environment.ts";
import type { FetchSession } from "../client/fetch-session.ts";
import type { SendThrough } from "../client/fetch-token.ts";
import { createScheduler, type Scheduler } from "../client/scheduler.ts";
import { nextAuth5 } from "./next-auth-5.ts";
import type { PolicyProps } from "./policy.ts";
import { sessionUrl } from "./session-url.ts";

/** The page around a live session. */
export interface Surroundings {
  environment: Environment;
  fetchSession: FetchSession;
  /** Set by the devtools panel: what else the page asks of its server goes through it. */
  through?: SendThrough;
}

/** What readers see. Replaced when, and only when, they should render again. */
export interface Snapshot {
  readonly session: Session | null | undefined;
  /** While `update()` is under way: next-auth reports `loading` then, with the data still there. */
  readonly updating: boolean;
}

/** A live session, from the time it is started. */
export interface LiveSession {
  readonly scheduler: Scheduler;
  /** What it works with: read at each use, so that the devtools panel can put a fault in its place. */
  readonly surroundings: Surroundings;
  /** The app's prop. */
  basePath: string | undefined;
  /** Where the session route is, by that. */
  readonly url: () => string;
  /** Starts asking. The returned function stops it. */
  start(): () => void;
  subscribe(listener: () => void): () => void;
  snapshot(): Snapshot;
  /**
   * As `update()` of next-auth/react: POSTs `data`, resolves to the new session, or to `null` on failure (the old one is
   * kept), and where somebody signed out or in meanwhile. Under next-auth 5 no argument means a GET, and it looks for a session also where there was none.
   */
  update(data?: unknown): Promise<Session | null>;
  /** next-auth itself has got a session, or none, which may be a sign-out or any failure. */
  nextAuthGot(session: Session | null | undefined): void;
  /**
   * Under next-auth 5, set by whoever acts for its provider: fetches the session when another tab announces something. Replaced
   * by {@link afterLoad}, which does not do so for each.
   */
  onAnnouncement?: () => void;
  /** Set by {@link afterLoad}: whether such a `null` is a sign-out, because somebody has said so. */
  isSignOut?: () => boolean;
  /** Set by {@link afterLoad}: whether the page is being left. Whom it shows, it shows to its end. */
  isLeft?: () => boolean;
  /** Readers see what there is now. */
  show(): void;
  /** Set by whoever renders next-auth's provider: gives it a new start where it has no session although there is one. */
  restart?: () => void;
  /** What the app chose, before it starts, unchecked. */
  policy: PolicyProps;
  /** Set by who acts on it: to be called when it has changed. */
  policyChanged?: () => void;
  /** The session that it began with. */
  readonly initial: Session | null | undefined;
  /** The app's `session` prop: the last that was dealt with, and the one now. */
  readonly given: [dealtWith: Session | null | undefined, now?: Session | null | undefined];
  /** Set by {@link afterLoad}: deals with the one now. */
  onGiven?: () => void;
  /** The last good answer; from {@link afterLoad} on also the session that it began with. */
  answer?: Session | null;
  /** Set by {@link afterLoad}: tells other tabs of it, and next-auth's provider in this one. */
  onAnswer?: () => void;
}

/** The network may be away, or a deployment may just have taken the file. */
const LOAD_AGAIN_MS = 30_000;

/**
 * Makes a live session. Nothing happens before it is started.
 *
 * @param initial The app's `session` prop; `undefined` to fetch it.
 * @param basePath Where NextAuth's routes are.
 */
export function createLiveSession(
  initial: Session | null | undefined,
  basePath: string | undefined,
): LiveSession {
  const listeners = new Set<() => void>();
  const environment = browserEnvironment();
  const url = (): string => sessionUrl(live.basePath);
  const surroundings: Surroundings = { environment, fetchSession: browserFetchSession(url) };
  const fetchSession: FetchSession = (reason, signal) => surroundings.fetchSession(reason, signal);
  let snapshot: Snapshot = { session: initial, updating: false };

  const scheduler = createScheduler({
    environment,
    fetchSession,
    session: initial,
    onAnswer(session) {
      live.answer = session as Session | null;
      live.onAnswer?.();
    },
  });

  function publish(updating: boolean): void {
    let session = scheduler.current() as Session | null | undefined;
    // Told of the sign-out that it goes on from, useSession({ required: true }) would lead it to the sign-in instead.
    if (!session && live.isLeft?.()) session = snapshot.session;
    if (session === snapshot.session && updating === snapshot.updating) return;
    snapshot = { session, updating };
    for (const listener of [...listeners]) listener();
  }
  const show = (): void => publish(snapshot.updating);
  scheduler.subscribe(show);

  const live: LiveSession = {
    scheduler,
    surroundings,
    basePath,
    url,
    start() {
      const stops = [scheduler.start()];
      // Later: a page that is shown needs none of it yet. Where it cannot be loaded, this tab asks for itself.
      const load = (): void => {
        if (!stops[0]) return;
        import("./after-load.ts")
          .then(({ afterLoad }) => stops[0] && stops.push(afterLoad(live)))
          .catch(() => environment.setTimer(load, LOAD_AGAIN_MS));
      };
      load();
      return () => {
        for (const stop of stops.splice(0)) stop();
      };
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    show,
    snapshot: () => snapshot,
    async update(data) {
      const { session, updating } = snapshot;
      // As in next-auth, which returns undefined here although its type says null.
      if (updating || session === undefined || (session === null && !nextAuth5))
        return undefined as unknown as null;
      publish(true);
      const done = (): void => publish(false);
      const updated = await import("./after-load.ts")
        .then(({ sendUpdate }) => sendUpdate(live, data, done))
        .catch(() => null);
      done();
      return updated;
    },
    nextAuthGot(session) {
      scheduler.tell(session, !session && live.isSignOut?.());
    },
    policy: {},
    initial,
    given: [initial],
  };
  return live;
}
