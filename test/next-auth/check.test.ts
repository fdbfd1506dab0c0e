import { describe, expect, it, vi } from "vitest";
import type { AuthOptions } from "next-auth";
import { memoryStore } from "../../src/stores/memory.ts";
import type { GrantStore } from "../../src/core/grant-store.ts";
import { captureConsole } from "./support/console.ts";
import { OTHER_SECRET, createWorld } from "./support/world.ts";

/** The names of the operations that a store was asked for. */
function watched(store: GrantStore): { store: GrantStore; asked: string[] } {
  const asked: string[] = [];
  const proxy = new Proxy(store, {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      if (typeof value === "function") asked.push(String(name));
      return value;
    },
  });
  return { store: proxy, asked };
}

describe("check()", () => {
  it("resolves where everything is there: it reads once and changes nothing", async () => {
    const said = captureConsole();
    const world = await createWorld();
    const { store, asked } = watched(world.store);
    const { check, events } = world.copy({ options: { store } });
    asked.length = 0;

    await check();

    expect(asked).toEqual(["read"]);
    expect(events, "nobody was told to sign in again").toEqual([]);
    expect((await world.store.scan(null, 10)).grants).toEqual([]);
    expect(said.lines).toEqual([]);
  });

  it.each([
    ["missing", undefined, "NOLAPSE_SECRET"],
    ["weak", "changeme", "NEXTAUTH_SECRET"],
  ])("rejects where the secret is %s, as the first sign-in would", async (_how, secret, option) => {
    vi.stubEnv("NEXTAUTH_SECRET", undefined);
    vi.stubEnv("AUTH_SECRET", undefined);
    const world = await createWorld({ auth: { secret } as Partial<AuthOptions> });

    await expect(world.check()).rejects.toMatchObject({ code: "invalid_option", option });
    vi.stubEnv("NOLAPSE_SECRET", OTHER_SECRET);
    await expect(world.copy().check()).resolves.toBeUndefined();
  });

  it("rejects where the store does not do, naming what to change", async () => {
    const world = await createWorld();
    vi.stubEnv("NODE_ENV", "production");
    vi.stubEnv("VERCEL", "1");

    await expect(world.copy({ options: { store: memoryStore() } }).check()).rejects.toMatchObject({
      code: "invalid_option",
      option: "store",
    });
  });

  it("rejects while the store is away, within its timeout, without what the store said, and resolves when it is back", async () => {
    const world = await createWorld();
    world.store.down = true;

    const error: unknown = await world.check().catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "store_failed" });
    expect(String(error)).not.toContain("canary");
    world.store.down = false;
    await expect(world.check()).resolves.toBeUndefined();
  });

  it("rejects where the store never answers", async () => {
    const world = await createWorld();
    const hanging: GrantStore = { ...world.store, kind: "mine", read: () => new Promise(() => undefined) };

    await expect(
      world.copy({ options: { store: hanging, storeTimeoutMs: 20 } }).check(),
    ).rejects.toMatchObject({ code: "store_failed" });
  });

  it("does nothing while Next builds: no secret, no store", async () => {
    vi.stubEnv("NEXTAUTH_SECRET", undefined);
    vi.stubEnv("AUTH_SECRET", undefined);
    const world = await createWorld({ auth: { secret: undefined } as unknown as Partial<AuthOptions> });
    const { store, asked } = watched(world.store);
    const { check } = world.copy({ options: { store } });
    asked.length = 0;
    vi.stubEnv("NEXT_PHASE", "phase-production-build");

    await expect(check()).resolves.toBeUndefined();

    expect(asked).toEqual([]);
    vi.stubEnv("NEXT_PHASE", "phase-production-server");
    await expect(check()).rejects.toMatchObject({ code: "invalid_option" });
  });
});
