/** The callback URL of a v5 app: at each refresh at GitLab (Q20), and by way of another deployment (`redirectProxyUrl`). */
import { describe, expect, it, vi } from "vitest";
import { Browser } from "../next-auth/support/browser.ts";
import { NextRequest } from "../next-auth/support/next-scope.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import {
  LIFETIME_MS,
  createWorld,
  pass,
  strictProvider,
  type World,
  type WorldOptions,
} from "./support/world.ts";

const PREVIEW = "https://preview.example";
const STABLE = "https://stable.example/api/auth";

describe("a refresh at GitLab in a v5 app (Q20)", () => {
  it.each([
    ["AUTH_URL", { AUTH_URL: "https://app.example" }, {}, "https://app.example/api/auth/callback/gitlab"],
    [
      "AUTH_URL with a path",
      { AUTH_URL: "https://app.example/shop/auth" },
      {},
      "https://app.example/shop/auth/callback/gitlab",
    ],
    [
      "NEXTAUTH_URL",
      { NEXTAUTH_URL: "https://old.example" },
      {},
      "https://old.example/api/auth/callback/gitlab",
    ],
    [
      "AUTH_URL and basePath",
      { AUTH_URL: "https://app.example" },
      { basePath: "/auth" },
      "https://app.example/auth/callback/gitlab",
    ],
    ["redirectProxyUrl", { AUTH_URL: PREVIEW }, { redirectProxyUrl: STABLE }, `${STABLE}/callback/gitlab`],
    [
      "AUTH_REDIRECT_PROXY_URL",
      { AUTH_URL: PREVIEW, AUTH_REDIRECT_PROXY_URL: STABLE },
      {},
      `${STABLE}/callback/gitlab`,
    ],
    [
      "AUTH_REDIRECT_PROXY_URL, where only requests tell the host",
      { AUTH_REDIRECT_PROXY_URL: STABLE },
      {},
      `${STABLE}/callback/gitlab`,
    ],
    [
      "the configuration before the environment",
      { AUTH_URL: PREVIEW, AUTH_REDIRECT_PROXY_URL: "https://other.example/auth" },
      { redirectProxyUrl: STABLE },
      `${STABLE}/callback/gitlab`,
    ],
  ])(
    "repeats the callback URL of %s, as Auth.js gave it at the sign-in",
    async (_what, env, config, expected) => {
      const world = await gitlab(env, { auth: { ...config, useSecureCookies: false } });
      const { atSignIn, atRefresh } = await redirectUrisOf(world);

      expect(atRefresh).toBe(expected);
      expect(atSignIn).toBe(expected);
    },
  );

  it("repeats that of the provider's own proxy first", async () => {
    const world = await gitlab(
      { AUTH_URL: PREVIEW },
      { auth: { redirectProxyUrl: "https://other.example/auth", useSecureCookies: false } },
      { redirectProxyUrl: STABLE },
    );
    const { atSignIn, atRefresh } = await redirectUrisOf(world);

    expect(atRefresh).toBe(`${STABLE}/callback/gitlab`);
    expect(atSignIn).toBe(atRefresh);
  });

  it("sends none rather than a wrong one where only requests tell the host, and says what to set", async () => {
    const said = captureConsole();
    const world = await gitlab({}, { auth: { useSecureCookies: false } });
    const { atRefresh } = await redirectUrisOf(world);

    expect(atRefresh).toBeUndefined();
    expect(said.own().join()).toContain("Set AUTH_URL, or providers.gitlab.refreshParams.redirect_uri");
  });
});

describe("a stable deployment by which previews sign in (redirectProxyUrl)", () => {
  it("passes their callback on, and leaves its own sessions and grants alone (SEC-11)", async () => {
    const stable = await gitlab(
      { AUTH_URL: "https://stable.example" },
      { auth: { redirectProxyUrl: STABLE, useSecureCookies: false } },
    );
    const alice = stable.browser();
    await alice.signIn("alice", "gitlab");
    vi.stubEnv("AUTH_URL", PREVIEW);
    const preview = stable.copy();
    const previewBrowser = preview.browser();
    const started = await previewBrowser.submit("signin/gitlab", { callbackUrl: `${PREVIEW}/` });
    const state = new URL(String(started.json()["url"])).searchParams.get("state") ?? "";
    vi.stubEnv("AUTH_URL", "https://stable.example");

    const passedOn = await alice.get("callback/gitlab", { query: { code: "alice", state } });

    expect(passedOn.headers.get("location")).toMatch(
      /^https:\/\/preview\.example\/api\/auth\/callback\/gitlab\?/,
    );
    expect(stable.eventsOf("grant_ended")).toEqual([]);
    const { accessToken } = await stable.getAccessToken(alice.pageRequest());
    expect(stable.server.userOf(accessToken)).toBe("alice");

    vi.stubEnv("AUTH_URL", PREVIEW);
    const query = Object.fromEntries(new URL(passedOn.headers.get("location") ?? "").searchParams);
    await previewBrowser.get("callback/gitlab", { query });
    const own = await preview.getAccessToken(previewBrowser.pageRequest());
    expect(own.accessToken).not.toBe(accessToken);
    expect(stable.server.userOf(own.accessToken)).toBe("alice");
  });
});

/** An app whose only provider has GitLab's id, and so wants to see the callback URL at each refresh. */
async function gitlab(
  env: Readonly<Record<string, string>>,
  { auth }: WorldOptions,
  provider: object = {},
): Promise<World> {
  const world = await createWorld();
  for (const name of ["AUTH_URL", "NEXTAUTH_URL", "AUTH_REDIRECT_PROXY_URL"]) vi.stubEnv(name, env[name]);
  return world.copy({
    auth: {
      ...auth,
      providers: [strictProvider(world.server, { id: "gitlab", checks: ["state"], ...provider })],
    },
  });
}

/** What the authorization server sees at a sign-in and at the first refresh. */
async function redirectUrisOf(
  world: World,
): Promise<{ atSignIn: string | null; atRefresh: string | undefined }> {
  const { GET, POST } = world.nextAuth.handlers;
  const path = new URL(process.env["AUTH_URL"] ?? process.env["NEXTAUTH_URL"] ?? "http://x/").pathname;
  const base = (world.authConfig as { basePath?: string }).basePath ?? (path === "/" ? "/api/auth" : path);
  // The browser of the tests asks below /api/auth.
  const handler = (request: Request): unknown => {
    const moved = new NextRequest(request.url.replace("/api/auth", base), request);
    return (request.method === "POST" ? POST : GET)(moved);
  };
  const alice = new Browser(handler, "app", { "x-auth-return-redirect": "1" });
  const started = await alice.submit("signin/gitlab", { callbackUrl: "http://localhost:3000/" });
  const asked = new URL(String(started.json()["url"])).searchParams;
  await alice.get("callback/gitlab", { query: { code: "alice", state: asked.get("state") ?? "" } });
  pass(LIFETIME_MS);
  await world.getAccessToken(alice.pageRequest());
  const refresh = world.server.requests.findLast(({ endpoint }) => endpoint === "token");
  return { atSignIn: asked.get("redirect_uri"), atRefresh: refresh?.parameters["redirect_uri"] };
}
