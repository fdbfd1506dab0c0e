import { describe, expect, it } from "vitest";
import {
  askInMsOf,
  keepIdentity,
  samePerson,
  spareMsOf,
  type ClientSession,
} from "../../src/client/session.ts";

const alice: ClientSession & { role: string } = {
  user: { name: "alice", email: "alice@example.com" },
  expires: "2030-01-01T00:00:00.000Z",
  accessTokenExpires: 1_700_000_060,
  accessTokenExpiresIn: 60,
  tokenState: { status: "fresh", askInMs: 46_000 },
  role: "admin",
};

describe("a session that comes again", () => {
  it("stays the same object while only times changed (F36)", () => {
    const renewed: ClientSession = {
      ...alice,
      expires: "2030-01-01T00:01:00.000Z",
      accessTokenExpires: 1_700_000_106,
      accessTokenExpiresIn: 59,
      tokenState: { status: "fresh", askInMs: 45_000 },
    };
    expect(keepIdentity(alice, renewed)).toBe(alice);
  });

  it("stays the same object while only the end of the sign-in comes nearer (F28, F36)", () => {
    const ends = (endsInMs: number): ClientSession => ({
      ...alice,
      tokenState: { status: "fresh", askInMs: 46_000, endsInMs },
    });
    const before = ends(5_000);
    expect(keepIdentity(before, ends(4_000))).toBe(before);
  });

  it.each([
    ["another user", { user: { name: "bob" } }],
    ["a state", { tokenState: { status: "retrying", askInMs: 46_000 } }],
    ["an error", { error: "RefreshAccessTokenError" }],
    ["a field of the app", { role: "guest" }],
    ["a field named like ours, further down", { user: { name: "alice", expires: "later" } }],
    ["an access token that the app shows", { accessToken: "t2" }],
  ])("is a new object when it has %s", (_what, change) => {
    const next = { ...alice, ...change } as ClientSession;
    expect(keepIdentity(alice, next)).toBe(next);
  });

  it("is told from nobody and from nothing known", () => {
    expect(keepIdentity(alice, null)).toBeNull();
    expect(keepIdentity(undefined, alice)).toBe(alice);
    expect(keepIdentity(null, alice)).toBe(alice);
  });

  it("is known to be of the same user, or not (F43)", () => {
    expect(samePerson(alice, { user: { email: "alice@example.com", name: "alice" } })).toBe(true);
    expect(samePerson(alice, { user: { name: "alice" } })).toBe(false);
    expect(samePerson(alice, {})).toBe(false);
  });

  it("is of one user by the email where there is no id: a new name is the same, and a name is no email (F43)", () => {
    expect(samePerson(alice, { user: { email: "alice@example.com", name: "Alice Smith" } })).toBe(true);
    expect(samePerson(alice, { user: { email: "alice@example.com" } })).toBe(true);
    expect(samePerson(alice, { user: { email: "smith@example.com", name: "alice" } })).toBe(false);
    expect(samePerson({ user: { name: "alice" } }, { user: { name: "alice", email: null } })).toBe(true);
    expect(samePerson({ user: { name: "alice" } }, { user: { name: "bob" } })).toBe(false);
    expect(samePerson(alice, { user: { name: "alice@example.com" } })).toBe(false);
    expect(samePerson(alice, { user: { id: "alice@example.com" } })).toBe(false);
  });

  it("is of one user by the id where there is one: a new name is the same, another id is not (F43)", () => {
    const before = { user: { id: "1", name: "alice", email: "alice@example.com" } };
    expect(samePerson(before, { user: { id: "1", name: "Alice Smith", email: "smith@example.com" } })).toBe(
      true,
    );
    expect(samePerson(before, { user: { ...before.user, id: "2" } })).toBe(false);
    expect(samePerson(before, { user: { name: "alice", email: "alice@example.com" } })).toBe(false);
  });

  it.each([[undefined], [-1], [NaN], ["46000"], [null]])(
    "says nothing about when to ask with %s",
    (askInMs) => {
      const tokenState = { status: "fresh", askInMs } as unknown as NonNullable<ClientSession["tokenState"]>;
      expect(askInMsOf({ tokenState })).toBe(Infinity);
    },
  );

  it.each([
    ["what is left after the ask", alice, 14_000],
    [
      "nothing where the ask is past the end, as seconds are rounded down",
      { ...alice, accessTokenExpiresIn: 45 },
      0,
    ],
    ["unknown without an expiry", { tokenState: alice.tokenState } as ClientSession, Infinity],
    ["unknown where there is nothing to ask for", { accessTokenExpiresIn: 60 }, Infinity],
  ])("leaves the idle lead: %s", (_what, session, spareMs) => {
    expect(spareMsOf(session)).toBe(spareMs);
  });

  it("asks at the end of the sign-in where that is sooner, and not again once it has come (F28)", () => {
    const asks = (askInMs: number | undefined, endsInMs: unknown): number =>
      askInMsOf({
        tokenState: { status: "fresh", askInMs, endsInMs } as ClientSession["tokenState"] & object,
      });
    expect(asks(46_000, 30_000)).toBe(30_000);
    expect(asks(46_000, 60_000)).toBe(46_000);
    expect(asks(undefined, 60_000)).toBe(60_000);
    expect([0, 1_000, -1, "30000", null].map((endsInMs) => asks(46_000, endsInMs))).toEqual(
      Array(5).fill(46_000),
    );
  });

  it("asks for nothing when only a new sign-in helps", () => {
    expect(askInMsOf({ tokenState: { status: "reauthentication_required", reason: "revoked" } })).toBe(
      Infinity,
    );
  });
});
