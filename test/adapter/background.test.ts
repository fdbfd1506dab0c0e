import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createBackground, type WaitUntil } from "../../src/adapter/background.ts";
import { platformWaitUntil } from "../../src/adapter/next-modules.ts";
import type { Browser } from "../next-auth/support/browser.ts";
import { inNextRequest } from "../next-auth/support/next-scope.ts";
import { LIFETIME_MS, createWorld, pass, quiet, type World } from "../next-auth/support/world.ts";

/** Where Next looks for what a platform offers: https://nextjs.org/docs/app/api-reference/functions/after */
const PLATFORM_CONTEXT = Symbol.for("@next/request-context");

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

  it("is handed to the platform where it says how, as Next finds it, also where there is no after()", async () => {
    const { world, alice } = await due();
    const handed: Promise<unknown>[] = [];
    const toAfter: unknown[] = [];
    vi.stubEnv("VERCEL", "1");
    providePlatformContext({ waitUntil: (task) => void handed.push(task) });
    world.server.hold();

    await world.getAccessToken(alice.nodeRequest(), {});
    await inNextRequest("route handler", alice.pageRequest(), () => world.getAccessToken(), toAfter);

    expect(handed).toHaveLength(1);
    expect(toAfter).toEqual([]);
    expect(await settledNow(handed[0])).toBe(false);
    world.server.release();
    await handed[0];
    expect(world.eventsOf("refresh_ended")).toMatchObject([{ outcome: "committed" }]);
  });

  it.each([
    ["that says nothing", () => undefined],
    ["whose context has no waitUntil", () => providePlatformContext({})],
    ["whose context is that of no request", () => providePlatformContext(undefined)],
  ])(
    "is awaited on a serverless host %s, because the process may freeze after the response, and after() with it",
    async (_host, provide) => {
      const { world, alice } = await due();
      const toAfter: unknown[] = [];
      vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "app");
      provide();

      await inNextRequest("route handler", alice.pageRequest(), () => world.getAccessToken(), toAfter);

      expect(world.eventsOf("refresh_ended")).toMatchObject([{ outcome: "committed" }]);
      expect(toAfter).toEqual([]);
    },
  );

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
    ["waitUntil first", ["waitUntil", "platform", "after"], false, "waitUntil"],
    ["the platform before after()", ["platform", "after"], false, "platform"],
    ["the platform on a serverless host", ["platform", "after"], true, "platform"],
    ["after() on a server", ["after"], false, "after"],
    ["itself on a serverless host, where after() may freeze", ["after"], true, "awaited"],
    ["nobody on a server", [], false, "detached"],
  ] as const)("asks %s", (_what, ways, serverless, expected) => {
    const asked: string[] = [];
    const way = (name: string): WaitUntil | undefined =>
      (ways as readonly string[]).includes(name) ? () => void asked.push(name) : undefined;
    const background = createBackground({
      waitUntil: way("waitUntil"),
      platformWaitUntil: () => way("platform"),
      after: () => way("after"),
      serverless: () => serverless,
    });

    const held = background(task);

    expect(asked).toEqual(expected === "awaited" || expected === "detached" ? [] : [expected]);
    expect(held).toBe(expected === "awaited" ? task : undefined);
  });

  it.each([true, false])("goes on to the next way where one throws (serverless: %s)", (serverless) => {
    const background = createBackground({
      waitUntil: throwing,
      platformWaitUntil: () => throwing,
      after: () => throwing,
      serverless: () => serverless,
    });

    expect(background(task)).toBe(serverless ? task : undefined);
  });

  it("takes a platform whose context throws for one that says nothing", () => {
    provideContext(() => {
      throw new Error("no request");
    });

    expect(platformWaitUntil()).toBeUndefined();
  });
});

/** What Next asks a platform for, at each request. */
function providePlatformContext(context: { waitUntil?: WaitUntil } | undefined): void {
  provideContext(() => context);
}

function provideContext(get: () => unknown): void {
  const holder = globalThis as Record<symbol, unknown>;
  holder[PLATFORM_CONTEXT] = { get };
  onTestFinished(() => void Reflect.deleteProperty(holder, PLATFORM_CONTEXT));
}

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
