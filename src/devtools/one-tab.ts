/**
 * Keeps what the panel's buttons break in this tab: other tabs of the browser hear of no failure that was made up and wait
 * for no turn of a tab that is, and one that sleeps hears and tells nothing.
 *
 * As the faults do it replaces members that are read at each use, here of what the live session shares with other tabs.
 *
 * @module
 */
import type { Turn } from "../client/turns.ts";
import type { LiveSession } from "../react/live-session.ts";
import { followMounted, type MountedSession } from "../react/mounted.ts";
import type { Faults } from "./faults.ts";

/** What stands between a tab and the others. */
export interface OneTab {
  /** To be called when the tab falls asleep: gives back the turn that it has. */
  letGo(): void;
  /** Puts everything back. */
  stop(): void;
}

/** What asks for itself needs no turn, and takes it from nobody. */
const OWN_TURN: Turn = { release: () => undefined };

/** Begins with it. Without a fault everything passes. */
export function keepToOneTab(live: LiveSession, faults: Faults): OneTab {
  let turn = OWN_TURN;

  function keep({ peer, sharing }: Pick<MountedSession, "peer" | "sharing">): () => void {
    const { state } = peer;
    const { take, tell, tellActive } = sharing;
    // As before its start, when it hears nothing.
    peer.state = () => (faults.asleep() ? undefined : state());
    sharing.take = async (waitMs, signal) => {
      if (faults.standsAlone()) return OWN_TURN;
      turn = await take(waitMs, signal);
      if (faults.standsAlone()) turn.release();
      return turn;
    };
    // Without a reason it was learned without a request, which is not told.
    sharing.tell = (now, reason) => tell(now, faults.isMadeUp() ? undefined : reason);
    sharing.tellActive = (atMs) => {
      if (!faults.asleep()) tellActive(atMs);
    };
    return () => {
      Object.assign(peer, { state });
      Object.assign(sharing, { take, tell, tellActive });
    };
  }

  const stopFollowing = followMounted(live, keep);
  const stopHolding = holdNews(live, faults);
  return {
    letGo: () => turn.release(),
    stop() {
      stopFollowing();
      stopHolding();
    },
  };
}

/** What next-auth's own functions got, here or for another tab, is heard when the tab is awake. */
function holdNews(live: LiveSession, faults: Faults): () => void {
  const { nextAuthGot } = live;
  const held: Parameters<LiveSession["nextAuthGot"]>[] = [];
  const hold: LiveSession["nextAuthGot"] = (...news) => {
    const awake = faults.asleep();
    if (!awake) return nextAuthGot(...news);
    held.push(news);
    if (held.length > 1) return;
    void awake.then(() => {
      const last = held.splice(0).at(-1);
      if (last) nextAuthGot(...last);
    });
  };
  live.nextAuthGot = hold;
  return () => {
    if (live.nextAuthGot === hold) live.nextAuthGot = nextAuthGot;
  };
}
