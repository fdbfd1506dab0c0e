/**
 * Remembers what one live session does: its requests, its tokens, its wake-ups, and what other tabs tell.
 *
 * It looks on: what it wraps passes everything through, it sends no request and posts nothing to the schedulers' channel.
 *
 * @module
 */
import { elapsedMs, type Environment } from "../client/environment.ts";
import type { FetchSession } from "../client/fetch-session.ts";
import type { TabNews } from "../client/tab-news.ts";
import type { LiveSession } from "../react/live-session.ts";
import { factsOf, lifeAtAnswerMs } from "./facts.ts";
import type { Faults } from "./faults.ts";
import { withLife, withoutLife, withStatus, type StatusSpan, type TokenLife } from "./history.ts";
import { amend, append, type Happening, type LogEntry, type Outcome, type PanelAct } from "./journal.ts";
import { watchTabs, type TabWatch } from "./other-tabs.ts";

/** Who did something. */
export type Who = "this tab" | "another tab";

/** What was recorded so far. */
export interface Recording {
  readonly log: readonly LogEntry[];
  readonly lives: readonly TokenLife[];
  readonly spans: readonly StatusSpan[];
  /** How many requests of this tab are under way. */
  readonly asking: number;
  /** Who asked last, and when by the monotonic clock. */
  readonly lastAsk: { readonly who: Who; readonly atMs: number } | undefined;
}

/** A running recorder. */
export interface Recorder {
  readonly tabs: TabWatch;
  recording(): Recording;
  /** Writes down what the panel did. */
  act(name: PanelAct): void;
  /** Looks at what the scheduler knows now. */
  sample(): void;
  stop(): void;
}

/** How far the times of one answer may lie apart: when it came, and when that was told. */
const SAME_ANSWER_MS = 100;

/**
 * Begins to record.
 *
 * @param own An environment that no fault reaches.
 * @param faults What asks, and whether the tab sleeps and hears nothing.
 * @param onChange Called after each change.
 */
export function createRecorder(
  { scheduler, surroundings, url }: LiveSession,
  own: Environment,
  { fetchSession, asleep }: Pick<Faults, "fetchSession" | "asleep">,
  onChange: () => void,
): Recorder {
  const { fetchSession: replaced } = surroundings;
  let recording: Recording = { log: [], lives: [], spans: [], asking: 0, lastAsk: undefined };
  let lastId = 0;
  let settledAtMs: number | undefined;
  let isStopped = false;

  const nowMs = (): number => own.read().monotonicMs;
  const tabs = watchTabs(url(), own.random(), { onNews: hear, nowMs });

  function put(changes: Partial<Recording>): void {
    recording = { ...recording, ...changes };
    if (!isStopped) onChange();
  }

  function note(happening: Happening): number {
    const { wallMs, monotonicMs: atMs } = own.read();
    put({ log: append(recording.log, { id: ++lastId, atMs, wallMs, ...happening }) });
    return lastId;
  }

  function sample(): void {
    const [state, session, now] = [scheduler.peer.state(), scheduler.peer.latest(), own.read()];
    const { status } = factsOf(session, state, now);
    const spans = withStatus(recording.spans, { fromMs: now.monotonicMs, status });
    const lifeMs = state && session ? lifeAtAnswerMs(session, state) : undefined;
    if (session === null) return put({ spans, lives: withoutLife(recording.lives, now.monotonicMs) });
    if (!state || lifeMs === undefined) return put({ spans });
    const fromMs = now.monotonicMs - elapsedMs(state.answeredAt, now);
    const seen = { fromMs, endMs: fromMs + lifeMs, expires: session?.accessTokenExpires ?? 0 };
    const lives = withLife(recording.lives, seen);
    if (lives !== recording.lives) tabs.announce();
    put({ spans, lives });
  }

  function later(run: () => void): void {
    own.setTimer(() => isStopped || run(), 0);
  }

  const recorded: FetchSession = (reason, signal) => {
    const [sentAtMs, shown] = [nowMs(), scheduler.current()];
    const failures = scheduler.peer.state()?.failures ?? 0;
    const id = note({ kind: "ask", reason });
    let isSettled = false;
    put({ asking: recording.asking + 1 });
    const settle = (outcome: Outcome): void => {
      if (isSettled) return;
      isSettled = true;
      settledAtMs = surroundings.environment.read().wallMs;
      const tookMs = nowMs() - sentAtMs;
      put({ asking: recording.asking - 1 });
      if (outcome !== "dropped") put({ lastAsk: { who: "this tab", atMs: nowMs() } });
      // The scheduler takes the answer after this.
      later(() => {
        const gaveUp = outcome === "dropped" && (scheduler.peer.state()?.failures ?? 0) > failures;
        const changed = scheduler.current() !== shown;
        const end = { outcome: gaveUp ? ("timed out" as const) : outcome, tookMs, changed };
        put({ log: amend(recording.log, id, { kind: "ask", reason, ...end }) });
        sample();
      });
    };
    signal.addEventListener("abort", () => settle("dropped"));
    const answer = fetchSession(reason, signal);
    answer.then(
      ({ kind }) => settle(kind),
      () => settle(signal.aborted ? "dropped" : "failed"),
    );
    return answer;
  };

  function hear(news: TabNews): void {
    if ((news.kind !== "answer" && news.kind !== "failed") || asleep()) return;
    const isOwn = settledAtMs !== undefined && Math.abs(news.atMs - settledAtMs) < SAME_ANSWER_MS;
    settledAtMs = undefined;
    if (isOwn) return;
    put({ lastAsk: { who: "another tab", atMs: nowMs() } });
    note({ kind: "news", outcome: news.kind === "answer" ? "session" : "failed" });
    later(sample);
  }

  surroundings.fetchSession = recorded;
  const stopWakes = own.onWake((reason) => note({ kind: "wake", reason }));
  sample();

  return {
    tabs,
    recording: () => recording,
    act: (name) => void note({ kind: "panel", act: name }),
    sample,
    stop() {
      isStopped = true;
      if (surroundings.fetchSession === recorded) surroundings.fetchSession = replaced;
      stopWakes();
      tabs.stop();
    },
  };
}
