import { describe, expect, it } from "vitest";
import type { LiveEvent, LiveMessage } from "../../examples/next-app/lib/live/types.ts";
import { fromExample } from "./load.ts";

interface Lives {
  readonly merge: (state: LiveState | undefined, message: LiveMessage) => LiveState;
  readonly livesFrom: (events: readonly LiveEvent[]) => readonly object[];
}
interface LiveState {
  readonly events: readonly LiveEvent[];
}
interface Hub {
  readonly recordTokenEvent: (event: object) => void;
  readonly messageSince: (grantRef: string, nowMs: number, afterSeq?: number) => LiveMessage;
}

const NOW_MS = Date.UTC(2026, 0, 1);
const { livesFrom, merge } = await fromExample<Lives>("lib/live/lives", "lib/live/types");

describe("the example's live page", () => {
  it("goes on after a restart of the app, whose process counts its events from 1 again", () => {
    const before = message("one", [adopted(1, 0), adopted(2, 10)]);
    const after = [message("two", []), message("two", [adopted(1, 20)])];

    const state = [before, ...after, message("two", [adopted(1, 20), adopted(2, 30)])].reduce<
      LiveState | undefined
    >(merge, undefined);

    expect(state?.events.map(({ atMs }) => atMs - NOW_MS)).toEqual([0, 10, 20, 30]);
  });

  it("takes what is sent again after a lost connection once", () => {
    const first = message("one", [adopted(1, 0), adopted(2, 10)]);

    const state = merge(
      merge(undefined, first),
      message("one", [adopted(1, 0), adopted(2, 10), adopted(3, 20)]),
    );

    expect(state.events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  it("draws a token once that both processes saw", () => {
    const [issuedAtMs, expiresAtMs] = [NOW_MS, NOW_MS + 60_000];
    const seen = (seq: number, afterMs: number): LiveEvent => ({
      kind: "seen",
      seq,
      atMs: NOW_MS + afterMs,
      issuedAtMs,
      expiresAtMs,
    });

    const state = merge(merge(undefined, message("one", [seen(1, 0)])), message("two", [seen(1, 20)]));

    expect(livesFrom(state.events)).toMatchObject([{ issuedAtMs, expiresAtMs }]);
  });

  it("is told with every message whose numbers its events have", async () => {
    const { messageSince, recordTokenEvent } = await fromExample<Hub>(
      "lib/live/hub",
      "lib/live/types",
      "lib/settings",
    );
    for (const grantRef of ["alice", "bob"])
      recordTokenEvent({ type: "grant_created", grantRef, provider: "demo", atMs: NOW_MS });

    const ofAlice = messageSince("alice", NOW_MS);

    expect(ofAlice.series).toMatch(/^[\w-]{8,}$/);
    expect(messageSince("alice", NOW_MS, 1)).toMatchObject({ series: ofAlice.series, events: [] });
    expect(messageSince("bob", NOW_MS)).toMatchObject({ events: [{ kind: "signed_in", seq: 1 }] });
    expect(messageSince("bob", NOW_MS).series).not.toBe(ofAlice.series);
  });
});

function adopted(seq: number, afterMs: number): LiveEvent {
  return { kind: "adopted", seq, atMs: NOW_MS + afterMs, door: "request" };
}

function message(series: string, events: readonly LiveEvent[]): LiveMessage {
  const counters = { answered: 0, refused: 0, refreshes: 0, lifetimes: 0 };
  return { series, nowMs: NOW_MS + 1_000, counters, events, buckets: [] };
}
