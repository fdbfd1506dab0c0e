import type { AuthOptions } from "next-auth";
import { describe, expect, it } from "vitest";
import type { ProviderOptions } from "../../src/next-auth/index.ts";
import type { Answer, Browser, RouterForm } from "./support/browser.ts";
import { SESSION_COOKIE } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import { memoryAdapter } from "./support/memory-adapter.ts";
import { createWorld, strictProvider, type World } from "./support/world.ts";

const END = "https://as.example/logout";
const ON: ProviderOptions = { rpInitiatedLogout: true, endSessionEndpoint: END };
const HOME = "http://localhost:3000/";

/** An app whose users have an ID token of `name` bytes and more. */
async function scene(
  settings: ProviderOptions,
  { auth = {}, padding = "", withIdToken = true }: SceneOptions = {},
): Promise<World> {
  const bare = await createWorld();
  const { server } = bare;
  const request = ({ params }: { params: { code: string } }): Promise<object> => {
    const claims = { iss: server.issuer, sub: params.code, aud: "app", padding };
    const idToken = ["{}", JSON.stringify(claims), params.code].map((part) => btoa(part)).join(".");
    const tokens = server.issue({ user: params.code });
    return Promise.resolve({ tokens: { ...tokens, ...(withIdToken && { id_token: idToken }) } });
  };
  return bare.copy({
    auth: { providers: [strictProvider(server, { token: { url: server.tokenEndpoint, request } })], ...auth },
    options: { providers: { strict: settings } },
  });
}

interface SceneOptions {
  readonly auth?: Partial<AuthOptions>;
  readonly padding?: string;
  readonly withIdToken?: boolean;
}

async function signedIn(world: World, user = "alice", form: RouterForm = "app"): Promise<Browser> {
  const browser = world.browser(form);
  await browser.signIn(user);
  return browser;
}

/** Where the answer of a sign-out leads: by JSON, as NextAuth's `signOut()` asks for it, or by a redirect. */
function destinationOf(answer: Answer): URL {
  return new URL(answer.headers.get("location") ?? String(answer.json()["url"]));
}

/** Whose ID token a sign-out sends along. */
function hintOf(url: URL): string | undefined {
  const hint = url.searchParams.get("id_token_hint");
  return hint === null ? undefined : atob(hint.split(".")[2] ?? "");
}

describe.each(["app", "pages"] as const)(
  "a sign-out in the %s router that goes on at the provider",
  (form) => {
    it.each([
      ["by JSON, as signOut() asks for it", {}],
      ["by a redirect, as a form asks for it", { json: undefined }],
    ])("leads there %s, with the user's own ID token, and is a sign-out", async (_way, body) => {
      const world = await scene(ON);
      const [alice, bob] = [await signedIn(world, "alice", form), await signedIn(world, "bob", form)];

      const answer = await alice.submit("signout", { callbackUrl: HOME, ...body });

      const url = destinationOf(answer);
      expect(`${url.origin}${url.pathname}`).toBe(END);
      expect(hintOf(url)).toBe("alice");
      expect(url.searchParams.get("client_id")).toBe("app");
      expect(url.searchParams.get("post_logout_redirect_uri")).toBe(HOME);
      expect(answer.headers.get("cache-control")).toContain("no-store");
      expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
      expect(world.eventsOf("grant_ended")).toMatchObject([{ reason: "signed_out" }]);
      expect(world.eventsOf("rp_initiated_logout")).toMatchObject([{ outcome: "redirected", code: "ok" }]);
      expect(hintOf(destinationOf(await bob.signOut()))).toBe("bob");
    });

    it("leads nowhere else unless it is asked for, nor for whom nobody is signed in", async () => {
      const off = await scene({ endSessionEndpoint: END });
      expect(destinationOf(await (await signedIn(off, "alice", form)).signOut()).href).toBe(HOME);

      const on = await scene(ON);
      expect(destinationOf(await on.browser(form).signOut()).href).toBe(HOME);
      expect(on.eventsOf("rp_initiated_logout")).toEqual([]);
    });
  },
);

describe("a sign-out that goes on at the provider", () => {
  it("comes back to the registered address, where one is given", async () => {
    const settings = { ...ON, rpInitiatedLogout: { postLogoutRedirectUri: "https://app.example/bye" } };
    const alice = await signedIn(await scene(settings));

    const { searchParams } = destinationOf(await alice.signOut());

    expect(searchParams.get("post_logout_redirect_uri")).toBe("https://app.example/bye");
  });

  it.each([
    ["https://evil.example/", null],
    ["//evil.example/", null],
    ["http://localhost:3000@evil.example/", null],
    ["http://localhost:3001/", null],
    ["/orders?x=1", `${HOME}orders?x=1`],
  ])("sends nobody from there to %s unless it is the app's own (SEC-32)", async (destination, expected) => {
    const world = await scene(ON, { auth: { callbacks: { redirect: () => destination } } });
    const alice = await signedIn(world);

    const { searchParams } = destinationOf(await alice.submit("signout", { callbackUrl: HOME }));

    expect(searchParams.get("post_logout_redirect_uri")).toBe(expected);
  });

  it("leaves the ID token out where it shall not stand in an address, where there is none, and where it is too long", async () => {
    const without = await scene({ ...ON, rpInitiatedLogout: { idTokenHint: false } });
    const none = await scene(ON, { withIdToken: false });
    const long = await scene(ON, { padding: "x".repeat(8_000) });

    for (const [world, code] of [
      [without, "ok"],
      [none, "no_hint"],
      [long, "no_hint"],
    ] as const) {
      const url = destinationOf(await (await signedIn(world)).signOut());
      expect(hintOf(url)).toBeUndefined();
      expect(url.searchParams.get("client_id")).toBe("app");
      expect(world.eventsOf("rp_initiated_logout")).toMatchObject([{ outcome: "redirected", code }]);
    }
  });

  it.each([
    ["names no place for it", "no_end_session_endpoint", undefined],
    ["cannot be had", "metadata_reset", () => Promise.reject(new TypeError("fetch failed"))],
  ] as const)("is an ordinary one where the provider's metadata %s, and the log says so", async (...row) => {
    const [, code, fetch] = row;
    const said = captureConsole();
    const scened = await scene({ rpInitiatedLogout: true });
    const providers = { strict: { rpInitiatedLogout: true } };
    const world = scened.copy({ options: { providers, ...(fetch && { fetch }) } });
    const [alice, bob] = [await signedIn(world), await signedIn(world, "bob")];

    const answer = await alice.signOut();

    expect(destinationOf(answer).href).toBe(HOME);
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    expect(world.eventsOf("rp_initiated_logout")).toMatchObject([
      { outcome: "skipped", code, provider: "strict" },
    ]);
    expect(said.lines.join("\n")).toContain(`The sign-out at "strict" was left out (${code})`);
    await world.getAccessToken(bob.pageRequest());
  });

  it("goes on although the store is away, which is told as ever", async () => {
    captureConsole();
    const world = await scene(ON);
    const alice = await signedIn(world);
    const thief = alice.copy();
    await world.getAccessToken(alice.pageRequest());
    world.store.down = true;

    const url = destinationOf(await alice.signOut());

    expect(url.pathname).toBe("/logout");
    await expect(world.getAccessToken(thief.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
  });

  it("does so where sessions are rows of an adapter as well, whose row goes", async () => {
    const { methods, sessions } = memoryAdapter();
    const database = { adapter: methods as never, session: { strategy: "database" } as const };
    const world = await scene(ON, { auth: database });
    const [alice, bob] = [await signedIn(world), await signedIn(world, "bob")];

    const url = destinationOf(await alice.signOut());

    expect(`${url.origin}${url.pathname}`).toBe(END);
    expect(hintOf(url)).toBe("alice");
    expect(sessions.size).toBe(1);
    expect(world.eventsOf("rp_initiated_logout")).toMatchObject([{ outcome: "redirected", code: "ok" }]);
    await world.getAccessToken(bob.pageRequest());
  });

  it("is left out, and that is told, where the store cannot say who signs out of a row of an adapter", async () => {
    const said = captureConsole();
    const database = {
      adapter: memoryAdapter().methods as never,
      session: { strategy: "database" } as const,
    };
    const world = await scene(ON, { auth: database });
    const alice = await signedIn(world);
    const restarted = world.copy();
    const browser = restarted.browser("app");
    for (const [name, value] of alice.jar) browser.jar.set(name, value);
    restarted.store.down = true;

    expect(destinationOf(await browser.signOut()).href).toBe(HOME);

    expect(browser.jar.has(SESSION_COOKIE)).toBe(false);
    expect(restarted.eventsOf("rp_initiated_logout")).toMatchObject([
      { outcome: "skipped", code: "store_failed", provider: "strict" },
    ]);
    expect(said.lines.join("\n")).toContain('The sign-out at "strict" was left out (store_failed)');
  });

  it("takes no ID token from a session that has ended already", async () => {
    const world = await scene(ON);
    const alice = await signedIn(world);
    const old = alice.copy();
    await alice.signOut();

    expect(hintOf(destinationOf(await old.signOut()))).toBeUndefined();
  });

  it("says so where the handler is not wrapped, which would have to lead there", async () => {
    const said = captureConsole();
    const wrapped = await scene(ON);
    const world = wrapped.copy({ wrapped: false });
    const alice = await signedIn(world);

    expect(destinationOf(await alice.signOut()).href).toBe(HOME);
    expect(said.lines.join("\n")).toContain("not_wrapped");
  });
});
