import { describe, expect, it, vi } from "vitest";
import { createBackground, type WaitUntil } from "../../src/adapter/background.ts";
import type { Browser } from "../next-auth/support/browser.ts";
import { inNextRequest } from "../next-auth/support/next-scope.ts";
import { LIFETIME_MS, createWorld, pass, quiet, type World } from "../next-auth/support/world.ts";

describe("a refresh that nobody waits for", () => {
  it("is handed to Next's after(), so that the host stays awake for it", async () => {
    const { world, alice } = await due();
    const handed: Promise<unknown>[] = [];
    world.server.hold();

    await inNextRequest("route handler", alice.pageRequest(), () => world.getAccessToken(), handed);

    expect(handed).toHaveLength(1);
    expect(await settledNow(handed[0])).toBe(false);
    world.server.release();
    await handed[0];
    expect(world.eventsOf("refresh_ended")).toMatchObject([{ outcome: "committed" }]);
  });

  it("is handed to the application's waitUntil instead, where there is one", async () => {
    const handed: Promise<unknown>[] = [];
    const toAfter: unknown[] = [];
    const { world, alice } = await due({ waitUntil: (task) => void handed.push(task) });

    await inNextRequest("route handler", alice.pageRequest(), () => world.getAccessToken(), toAfter);

    expect(handed).toHaveLength(1);
    expect(toAfter).toEqual([]);
    await handed[0];
    expect(world.refreshes()).toBe(1);
  });

  it("is handed over once, however many callers join it", async () => {
    const handed: Promise<unknown>[] = [];
    const { world, alice } = await due({ waitUntil: (task) => void handed.push(task) });

    await Promise.all(Array.from({ length: 10 }, () => world.getAccessToken(alice.pageRequest())));

    expect(handed).toHaveLength(1);
    await quiet();
  });

  it("is awaited on a serverless host that has neither, because the process may freeze after the response", async () => {
    const { world, alice } = await due();
    vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "app");

    await world.getAccessToken(alice.pageRequest());

    expect(world.eventsOf("refresh_ended")).toMatchObject([{ outcome: "committed" }]);
  });

  it("runs by itself on a server, and nobody waits", async () => {
    const { world, alice } = await due();
    world.server.hold();

    await world.getAccessToken(alice.pageRequest());

    expect(world.eventsOf("refresh_ended")).toEqual([]);
    world.server.release();
    await quiet();
    expect(world.eventsOf("refresh_ended")).toHaveLength(1);
  });

  it("is not lost to a waitUntil that throws", async () => {
    const { world, alice } = await due({
      waitUntil: () => {
        throw new Error("no request context");
      },
    });

    await world.getAccessToken(alice.pageRequest());

    await quiet();
    expect(world.eventsOf("refresh_ended")).toMatchObject([{ outcome: "committed" }]);
  });
});

describe("createBackground", () => {
  const task = Promise.resolve();
  const throwing: WaitUntil = () => {
    throw new Error("`after` was called outside a request scope");
  };

  it.each([
    ["waitUntil before after()", true, true, false, "waitUntil"],
    ["after() without waitUntil", false, true, true, "after"],
    ["itself on a serverless host", false, false, true, "awaited"],
    ["nobody on a server", false, false, false, "detached"],
  ] as const)("asks %s", (_what, hasWaitUntil, hasAfter, serverless, expected) => {
    const asked: string[] = [];
    const background = createBackground(
      hasWaitUntil ? () => void asked.push("waitUntil") : undefined,
      () => (hasAfter ? () => void asked.push("after") : undefined),
      () => serverless,
    );

    const held = background(task);

    expect(asked).toEqual(hasWaitUntil || hasAfter ? [expected] : []);
    expect(held).toBe(expected === "awaited" ? task : undefined);
  });

  it("goes on to the next way where one throws", () => {
    expect(
      createBackground(
        throwing,
        () => throwing,
        () => true,
      )(task),
    ).toBe(task);
    expect(
      createBackground(
        throwing,
        () => throwing,
        () => false,
      )(task),
    ).toBeUndefined();
  });
});

async function due(options: { waitUntil?: WaitUntil } = {}): Promise<{ world: World; alice: Browser }> {
  const world = await createWorld({ options });
  const alice = world.browser();
  await alice.signIn("alice");
  pass(LIFETIME_MS * 0.7);
  return { world, alice };
}

async function settledNow(task: Promise<unknown> | undefined): Promise<boolean> {
  const pending = Symbol("pending");
  return (await Promise.race([task, Promise.resolve(pending)])) !== pending;
}
