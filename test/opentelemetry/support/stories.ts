/**
 * Ways in which a user comes to have to sign in again, and some that look like it: each played against the engine, with
 * what its events tell. docs/why-signed-out.md shows them.
 */
import type { TokenEvent } from "../../../src/core/events.ts";
import {
  ALICE,
  BOB,
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  grantInput,
  scenario,
  type Scenario,
} from "../../core/support/scenario.ts";

/** What happened, and what the user's next call got. */
export interface Story {
  readonly events: readonly TokenEvent[];
  readonly startMs: number;
  readonly outcome: string;
}

const DOOR = { door: "app-router" };

async function play(
  act: (world: Scenario) => Promise<string>,
  options = { lifetimeMs: HOUR_MS },
): Promise<Story> {
  const world = scenario(options);
  const startMs = world.clock.nowMs();
  const outcome = await act(world);
  return { events: world.events.filter(({ grantRef }) => !grantRef.startsWith("bob")), startMs, outcome };
}

/** Signs both users in at a server of their own, so that the sign-ins are told, too. */
async function signIn({ as, server }: Scenario, refreshable = true): Promise<ReturnType<Scenario["server"]>> {
  const one = server();
  for (const [user, id] of [
    ["alice", ALICE],
    ["bob", BOB],
  ] as const) {
    const { refreshToken, ...rest } = as.signIn(user);
    const tokenSet = refreshable && refreshToken !== undefined ? { ...rest, refreshToken } : rest;
    await one.manager.saveGrant(grantInput(id, user, tokenSet));
  }
  return one;
}

/** The stories, by the name that the page gives them. */
export const STORIES: Readonly<Record<string, () => Promise<Story>>> = {
  signed_out: () =>
    play(async (world) => {
      const one = await signIn(world);
      await world.clock.advance(20 * MINUTE_MS);
      await one.manager.endGrant(ALICE, "signed_out", { revoke: true });
      await world.clock.advance(SECOND_MS);
      return one.token(ALICE);
    }),

  replaced: () =>
    play(async (world) => {
      const one = await signIn(world);
      await world.clock.advance(20 * MINUTE_MS);
      await one.manager.endGrant(ALICE, "replaced", { revoke: false });
      return one.token(ALICE);
    }),

  revoked: () =>
    play(async (world) => {
      const one = await signIn(world);
      await world.clock.advance(20 * MINUTE_MS);
      await one.manager.endGrants({ subjectRef: "subject-alice" }, "revoked", { revoke: true });
      await world.clock.advance(SECOND_MS);
      return one.token(ALICE);
    }),

  rejected: () =>
    play(async (world) => {
      const { as, clock } = world;
      const one = await signIn(world);
      as.latencyMs = 120;
      await clock.advance(52 * MINUTE_MS);
      await one.token(ALICE, DOOR);
      await clock.advance(20 * MINUTE_MS);
      as.killFamily("alice");
      await clock.advance(33 * MINUTE_MS);
      await one.token(ALICE, DOOR);
      await clock.advance(SECOND_MS);
      return one.token(ALICE, DOOR);
    }),

  lost_response: () =>
    play(async (world) => {
      const { as, clock, server } = world;
      const one = await signIn(world);
      await clock.advance(52 * MINUTE_MS);
      as.latencyMs = 400;
      await one.token(ALICE, DOOR);
      await clock.advance(100);
      one.freeze();
      const two = server();
      as.latencyMs = 120;
      await clock.advance(10 * SECOND_MS);
      await two.token(ALICE, DOOR);
      await clock.advance(7 * MINUTE_MS + 50 * SECOND_MS);
      const call = two.token(ALICE, DOOR);
      await clock.advance(SECOND_MS);
      return call;
    }),

  lost_response_answered: () =>
    play(async (world) => {
      const { as, clock } = world;
      const one = await signIn(world);
      as.latencyMs = 120;
      as.failNext({ answer: { kind: "unknown", code: "http_502", answered: true }, commits: true });
      await clock.advance(52 * MINUTE_MS);
      await one.token(ALICE, DOOR);
      await clock.advance(2 * SECOND_MS);
      await one.token(ALICE, DOOR);
      await clock.advance(SECOND_MS);
      return one.token(ALICE, DOOR);
    }),

  expired: () =>
    play(async (world) => {
      const one = await signIn(world);
      await world.clock.advance(31 * DAY_MS);
      return one.token(ALICE);
    }),

  no_refresh_token: () =>
    play(async (world) => {
      const one = await signIn(world, false);
      await world.clock.advance(61 * MINUTE_MS);
      return one.token(ALICE);
    }),

  missing: () =>
    play(async (world) => {
      await signIn(world);
      const elsewhere = scenario().server();
      return elsewhere.token(ALICE);
    }),

  refresh_unavailable: () =>
    play(async (world) => {
      const { as, clock } = world;
      const one = await signIn(world);
      as.failAlways({ answer: { kind: "unknown", code: "http_503", answered: true } });
      await clock.advance(60 * MINUTE_MS);
      const call = one.token(ALICE, DOOR);
      await clock.advance(6 * SECOND_MS);
      const got = await call;
      as.failAlways(undefined);
      await clock.advance(30 * SECOND_MS);
      return `${got}, and after the outage ${await one.token(ALICE, DOOR)}`;
    }),

  store_failed: () =>
    play(async (world) => {
      const { clock } = world;
      const one = await signIn(world);
      await clock.advance(20 * MINUTE_MS);
      await one.token(ALICE, DOOR);
      one.store.breakAll("fail");
      await clock.advance(10 * SECOND_MS);
      const soon = await one.token(ALICE, DOOR);
      await clock.advance(MINUTE_MS);
      const later = await one.token(ALICE, DOOR);
      one.store.mend();
      return `${soon}, a minute later ${later}, and after the outage ${await one.token(ALICE, DOOR)}`;
    }),
};
