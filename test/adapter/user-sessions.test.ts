import { describe, expect, it } from "vitest";

import { endSessions, endSessionsOfUser, sessionsOf } from "../../src/adapter/user-sessions.ts";
import { StoreFailedError } from "../../src/core/errors.ts";
import type { GrantRecord } from "../../src/core/grant.ts";
import type { TokenManager } from "../../src/core/token-manager.ts";

type Row = Pick<GrantRecord, "id" | "sessionRef" | "subjectRef" | "state" | "createdAtMs">;

const row = (sessionRef: string, createdAtMs = 0, subjectRef = "alice"): Row => ({
  ...{ id: `${sessionRef} ${createdAtMs}`, sessionRef, subjectRef, createdAtMs },
  state: "live",
});

/** A manager over some rows, which finds so many at once, and of which some sessions cannot be ended. */
function managerOf(given: readonly Row[], { atOnce = 10_000, broken = [] as readonly string[] } = {}) {
  let rows = [...given];
  const ended: string[] = [];
  const fake: Pick<TokenManager, "findGrants" | "endGrants"> = {
    findGrants: (selector) =>
      Promise.resolve(
        rows
          .filter((each) => "subjectRef" in selector && each.subjectRef === selector.subjectRef)
          .slice(0, atOnce) as GrantRecord[],
      ),
    endGrants(selector) {
      const sessionRef = "sessionRef" in selector ? selector.sessionRef : "";
      if (broken.includes(sessionRef)) return Promise.reject(new StoreFailedError("away"));
      const before = rows.length;
      rows = rows.filter((each) => each.sessionRef !== sessionRef);
      if (rows.length < before) ended.push(sessionRef);
      return Promise.resolve(before - rows.length);
    },
  };
  return { manager: fake as TokenManager, ended, left: () => rows };
}

const numbered = (count: number): readonly Row[] =>
  Array.from({ length: count }, (_, at) => row(`s${at}`, at));

describe("the sessions of a user", () => {
  it("are what is stored under one reference, added grants with their session's own, the newest first (SEC-15)", async () => {
    const { manager } = managerOf([row("s1", 1), row("s1.added", 5), row("s2", 3), row("s3", 9, "bob")]);

    const found = await sessionsOf(manager, ["alice"]);

    expect(found.map(({ ownRef, grants }) => [ownRef, grants.length])).toEqual([
      ["s2", 1],
      ["s1", 2],
    ]);
  });
});

describe("the end of a user's sessions", () => {
  it("goes on until none is left, also of more than are found at once", async () => {
    const { manager, left } = managerOf([...numbered(45), row("bobs", 0, "bob")], { atOnce: 10 });

    expect(await endSessionsOfUser(manager, ["alice"], () => true)).toBe(45);
    expect(left()).toMatchObject([{ sessionRef: "bobs" }]);
  });

  it("leaves those that are not meant, and asks no further for them", async () => {
    const { manager, left } = managerOf(numbered(5));

    expect(await endSessionsOfUser(manager, ["alice"], ({ ownRef }) => ownRef !== "s3")).toBe(4);
    expect(left()).toMatchObject([{ sessionRef: "s3" }]);
  });

  it("says that it is unfinished where the store fails, by how many had ended, and stops there (I6)", async () => {
    const { manager, ended } = managerOf(numbered(50), { broken: ["s25"] });

    const failure: unknown = await endSessionsOfUser(manager, ["alice"], () => true).catch(
      (error: unknown) => error,
    );

    // 20 at a time, the newest first: the second lot has the one that fails.
    expect(failure).toMatchObject({
      code: "store_failed",
      message: expect.stringContaining("39 of 50") as string,
    });
    expect(ended).toHaveLength(39);
  });

  it("passes on what is no failure of the store", async () => {
    const error = new TypeError("not ours");
    const manager = { endGrants: () => Promise.reject(error) } as unknown as TokenManager;

    await expect(endSessions(manager, [{ ownRef: "s1", grants: [] }])).rejects.toBe(error);
  });

  it("gives up on a user who signs in as fast as it ends, and says so", async () => {
    const manager = {
      findGrants: () => Promise.resolve([row("s1")]),
      endGrants: () => Promise.resolve(1),
    } as unknown as TokenManager;

    await expect(endSessionsOfUser(manager, ["alice"], () => true)).rejects.toMatchObject({
      code: "store_failed",
      message: expect.stringContaining("Lock the account") as string,
    });
  });
});
