/**
 * One tab among others of its browser: waits for its turn to ask, tells how it went, and takes over what the others tell.
 *
 * @module
 */
import type { Environment, OtherTabs, Reading } from "./environment.ts";
import type { AskReason, PlanSettings, PlanState } from "./plan.ts";
import type { ClientSession } from "./session.ts";
import { afterNews, judgeNews, newsOf, readNews, type TabNews } from "./tab-news.ts";
import { createTurns, waitForTurnMs, type Turn } from "./turns.ts";

/** What the others do for a scheduler. */
export interface Sharing {
  /** See {@link waitForTurnMs}. */
  waitMs(state: PlanState, now: Reading, requestTimeoutMs: number): number;
  /** See {@link Turns.take}. */
  take(waitMs: number, signal: AbortSignal): Promise<Turn>;
  /**
   * Hears what the scheduler has learned at `now`, and tells the others what may serve them as well: how this tab's request
   * for `reason` ended. `undefined`: it learned it without a request of its own.
   */
  tell(now: Reading, reason: AskReason | undefined): void;
  /** Tells the others that somebody used this browser, at `atMs` by the wall clock. */
  tellActive(atMs: number): void;
  /** Hears and tells nothing more. */
  stop(): void;
}

/** What a scheduler does for the others. */
export interface Peer {
  latest(): ClientSession | null | undefined;
  /** `undefined` before its start. */
  state(): PlanState | undefined;
  settings(): PlanSettings;
  /** Takes over what another tab learned, and asks no more itself. `expires` is the `accessTokenExpires` of its answer, or 0. */
  adopt(next: PlanState, expires: number): void;
  /** Asks itself: what another tab has got is not what this one shows. */
  confirm(): void;
  /** Another tab says that somebody used this browser, at `atMs` by the wall clock. Not there: it is of no interest. */
  heardActive?(atMs: number): void;
}

/**
 * Makes the part of one tab. It listens at once.
 *
 * @param onNews Called on all that this tab learns, changed or not: an answer, a failure, another tab's. Must not throw.
 */
export function createSharing(
  environment: Environment,
  tabs: OtherTabs,
  peer: Peer,
  onNews: () => void = () => undefined,
): Sharing {
  const turns = createTurns(environment, tabs);

  function hear(value: unknown): void {
    const news = readNews(value);
    const state = peer.state();
    if (!news || !state) return;
    if (news.kind === "asking") return turns.heard(news.turn);
    if (news.kind === "active") return peer.heardActive?.(news.atMs);
    const now = environment.read();
    const heard = judgeNews(news, peer.latest(), state.failures, now.wallMs);
    if (heard === "ask") peer.confirm();
    if (heard !== "adopt") return;
    const expires = news.kind === "answer" ? news.expires : 0;
    peer.adopt(afterNews(state, news, now, environment.random()), expires);
    onNews();
  }

  return {
    waitMs: (state, now, requestTimeoutMs) =>
      waitForTurnMs(state, now, requestTimeoutMs, environment.random()),
    take: turns.take,
    tell({ wallMs: atMs }, reason) {
      onNews();
      // What was asked because another tab spoke is not told again: that could go on for ever.
      if (reason === undefined || reason === "update") return;
      const [session, state] = [peer.latest(), peer.state()];
      if (!state) return;
      const { failures, soon } = state;
      if (failures > 0) tabs.post({ kind: "failed", atMs, failures } satisfies TabNews);
      else if (session) tabs.post(newsOf(session, atMs, soon));
    },
    tellActive: (atMs) => tabs.post({ kind: "active", atMs } satisfies TabNews),
    stop: tabs.onPost(hear),
  };
}
