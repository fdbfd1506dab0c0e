/**
 * One tab among others of its browser: waits for its turn to ask, tells how it went, and takes over what the others tell.
 *
 * @module
 */
import type { Environment, OtherTabs, Reading } from "./environment.ts";
import { afterNews } from "./plan-state.ts";
import type { PlanSettings, PlanState } from "./plan.ts";
import type { ClientSession } from "./session.ts";
import { judgeNews, newsOf, readNews, type TabNews } from "./tab-news.ts";
import { createTurns, type Turn } from "./turns.ts";

/** What the others do for a scheduler. */
export interface Sharing {
  /** See {@link Turns.take}. */
  take(waitMs: number, signal: AbortSignal): Promise<Turn>;
  /** Tells the others how this tab's request ended, at `now`. */
  tell(now: Reading): void;
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
}

/** Makes the part of one tab. It listens at once. */
export function createSharing(environment: Environment, tabs: OtherTabs, peer: Peer): Sharing {
  const turns = createTurns(environment, tabs);

  function hear(value: unknown): void {
    const news = readNews(value);
    const state = peer.state();
    if (!news || !state) return;
    if (news.kind === "asking") return turns.heard(news.turn);
    const now = environment.read();
    const heard = judgeNews(news, peer.latest(), state.failures, now.wallMs);
    if (heard === "ask") peer.confirm();
    if (heard !== "adopt") return;
    const expires = news.kind === "answer" ? news.expires : 0;
    peer.adopt(afterNews(state, news, now, environment.random()), expires);
  }

  return {
    take: turns.take,
    tell({ wallMs: atMs }) {
      const [session, state] = [peer.latest(), peer.state()];
      if (!state) return;
      const { failures, soon } = state;
      if (failures > 0) tabs.post({ kind: "failed", atMs, failures } satisfies TabNews);
      else if (session) tabs.post(newsOf(session, atMs, soon));
    },
    stop: tabs.onPost(hear),
  };
}
