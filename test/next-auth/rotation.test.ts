import { describe, expect, it } from "vitest";
import type { RotationOptions } from "../../src/adapter/options.ts";
import { faults } from "../../src/testing/strict-authorization-server.ts";
import { withFreshTokens } from "../../src/next-auth/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { LIFETIME_MS, createWorld, pass, quiet, until, type World } from "./support/world.ts";

/** Two users, an answer that gets lost for the first of them, and what the server was asked. */
async function lostAnswer(rotation: RotationOptions | undefined): Promise<World> {
  const world = await createWorld({
    options: { providers: { strict: { ...(rotation && { rotation }) } } },
  });
  const [alice, bob] = [world.browser(), world.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  pass(LIFETIME_MS * 0.7);
  world.server.faultNext(faults.refusedConnection());
  await world.getAccessToken(alice.pageRequest());
  await until(() => world.eventsOf("refresh_ended").length >= 1);
  await quiet();
  await world.getAccessToken(bob.pageRequest());
  await quiet();
  return world;
}

describe("the rotation of a provider", () => {
  it("is strict where nothing is said: a lost answer is not asked for again at once (S6)", async () => {
    const world = await lostAnswer(undefined);

    const asked = world.server.requests.filter(({ endpoint }) => endpoint === "token");
    expect(asked.map(({ outcome, user }) => [outcome, user])).toEqual([
      ["fault", undefined],
      ["rotated", "bob"],
    ]);
  });

  it("reaches the engine: with a window the same refresh token is sent again at once (S1, TL1)", async () => {
    const world = await lostAnswer({ class: "grace", graceMs: 30_000 });

    const asked = world.server.requests.filter(({ endpoint }) => endpoint === "token");
    expect(asked.map(({ outcome, user }) => [outcome, user])).toEqual([
      ["fault", undefined],
      ["rotated", "alice"],
      ["rotated", "bob"],
    ]);
    expect(asked[0]?.tokenRef).toBe(asked[1]?.tokenRef);
  });
});

describe("a rotation that makes no sense", () => {
  it.each([
    ["rotation", "grace", /must be such as \{ class: "grace".*got string/],
    ["rotation", null, /got null/],
    ["rotation.class", {}, /one of "none".*"strict"; got undefined/],
    ["rotation.class", { class: "P3" }, /got "P3"/],
    ["rotation.class", { class: "toString" }, /got "toString"/],
    ["rotation.graceMs", { class: "grace" }, /milliseconds.*got undefined/],
    ["rotation.graceMs", { class: "grace", graceMs: 0 }, /1000 or more.*got 0/],
    ["rotation.graceMs", { class: "last_wins", graceMs: 30 }, /30 s is 30_000.*got 30/],
    ["rotation.graceMs", { class: "grace", graceMs: "30s" }, /got string/],
    ["rotation.graceMs", { class: "grace", graceMs: Infinity }, /got Infinity/],
    ["rotation.graceMs", { class: "idempotent", graceMs: Number.NaN }, /got NaN/],
    [
      "rotation.graceMs",
      { class: "strict", graceMs: 30_000 },
      /no meaning where class is "strict".*got 30000/,
    ],
    ["rotation.graceMs", { class: "none", graceMs: 5_000 }, /no meaning where class is "none"/],
    ["rotation.accessTokensDie", { class: "strict", accessTokensDie: 1 }, /true or false; got number/],
  ])("is refused at once: %s of %j", (option, rotation, message) => {
    const build = (): unknown =>
      withFreshTokens(
        { providers: [] },
        { store: memoryStore(), providers: { keycloak: { rotation: rotation as RotationOptions } } },
      );

    expect(build).toThrow(message);
    expect(build).toThrow(expect.objectContaining({ option: `providers.keycloak.${option}` }) as Error);
  });

  it.each<RotationOptions>([
    { class: "none" },
    { class: "overlapping", graceMs: 0 },
    { class: "idempotent", graceMs: Infinity },
    { class: "grace", graceMs: 1_000, accessTokensDie: true },
    { class: "last_wins", graceMs: 60_000 },
    { class: "strict" },
  ])("is none of these: %j", (rotation) => {
    expect(() =>
      withFreshTokens({ providers: [] }, { store: memoryStore(), providers: { keycloak: { rotation } } }),
    ).not.toThrow();
  });
});
