/** In a file of its own: Auth.js keeps in mind, for all configurations of a process, that it has seen a passkey provider. */
import { describe, expect, it } from "vitest";
import type { Answer, Browser } from "../next-auth/support/browser.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import { memoryAdapter, type MemoryAdapter } from "../next-auth/support/memory-adapter.ts";
import { PASSKEY_CONFIG, PASSKEY_METHODS, passkeyProvider } from "./support/passkey.ts";
import { createWorld, strictProvider } from "./support/world.ts";

describe("the cookie of a session that is over", () => {
  const withPasskeys = async (): Promise<{
    tables: MemoryAdapter;
    alice: Browser;
    bob: Browser;
  }> => {
    captureConsole();
    const tables = memoryAdapter();
    const base = await createWorld();
    const world = base.copy({
      auth: {
        ...PASSKEY_CONFIG,
        providers: [strictProvider(base.server), passkeyProvider()],
        adapter: { ...tables.methods, ...PASSKEY_METHODS } as never,
      },
    });
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");
    return { tables, alice, bob };
  };

  it("registers no passkey for its user (SEC-13)", async () => {
    const { alice, bob } = await withPasskeys();
    const thief = alice.copy();
    await alice.signOut();
    const optionsFor = (browser: Browser): Promise<Answer> =>
      browser.get("webauthn-options/passkey", { query: { action: "register" } });

    expect((await optionsFor(thief)).status).toBe(400);
    expect((await optionsFor(bob)).json()).toMatchObject({ options: { userName: "bob@example.com" } });
  });

  it("links no account to its user (SEC-13)", async () => {
    const { tables, alice, bob } = await withPasskeys();
    const thief = alice.copy();
    await alice.signOut();
    await thief.signIn("mallory");
    await bob.signIn("bobs-second");

    const [ofAlice, ofBob, ofMallory, second] = tables.accounts.map(({ userId }) => userId);
    expect(ofMallory).not.toBe(ofAlice);
    expect(second, "the account of a user who is signed in").toBe(ofBob);
  });
});
