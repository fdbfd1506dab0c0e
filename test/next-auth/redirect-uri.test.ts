import { describe, expect, it, vi } from "vitest";
import { captureConsole } from "./support/console.ts";
import { LIFETIME_MS, createWorld, pass, strictProvider, type World } from "./support/world.ts";

const CALLBACK = "/api/auth/callback/gitlab";

/** An app whose only provider is GitLab by its id, which wants the callback URL at each refresh. */
async function gitlab(refreshParams?: Readonly<Record<string, string>>): Promise<World> {
  const world = await createWorld();
  return world.copy({
    auth: { providers: [strictProvider(world.server, { id: "gitlab" })] },
    options: { ...(refreshParams && { providers: { gitlab: { refreshParams } } }) },
  });
}

async function refreshedOnce(world: World): Promise<Readonly<Record<string, string>> | undefined> {
  const alice = world.browser("app");
  await alice.signIn("alice", "gitlab");
  pass(LIFETIME_MS);
  await world.getAccessToken(alice.pageRequest());
  return world.server.requests.findLast(({ endpoint }) => endpoint === "token")?.parameters;
}

describe("a refresh at GitLab (Q20)", () => {
  it.each([
    [
      "NEXTAUTH_URL",
      "https://app.example/custom/api/auth",
      "https://app.example/custom/api/auth/callback/gitlab",
    ],
    ["NextAuth's default", undefined, `http://localhost:3000${CALLBACK}`],
  ])("repeats the callback URL of %s", async (_what, url, expected) => {
    const world = await gitlab();
    vi.stubEnv("NEXTAUTH_URL", url);
    const useSecureCookies = false;

    const parameters = await refreshedOnce(world.copy({ auth: { ...authOf(world), useSecureCookies } }));

    expect(parameters?.["redirect_uri"]).toBe(expected);
  });

  it.each(["VERCEL", "AUTH_TRUST_HOST"])(
    "sends none rather than a wrong one where only requests tell the host (%s), and says what to set",
    async (variable) => {
      const said = captureConsole();
      const world = await gitlab();
      vi.stubEnv("NEXTAUTH_URL", undefined);
      vi.stubEnv(variable, "1");
      const useSecureCookies = false;

      const parameters = await refreshedOnce(world.copy({ auth: { ...authOf(world), useSecureCookies } }));

      expect(parameters).toMatchObject({ grant_type: "refresh_token" });
      expect(parameters).not.toHaveProperty("redirect_uri");
      if (variable === "VERCEL") {
        expect(said.own()).toHaveLength(1);
        expect(said.own()[0]).toContain("Set NEXTAUTH_URL, or providers.gitlab.refreshParams.redirect_uri");
      }
    },
  );

  it("repeats there what the application says", async () => {
    const said = captureConsole();
    const world = await gitlab({ redirect_uri: `https://www.example${CALLBACK}` });
    vi.stubEnv("NEXTAUTH_URL", undefined);
    vi.stubEnv("VERCEL", "1");

    const parameters = await refreshedOnce(
      world.copy({ auth: { ...authOf(world), useSecureCookies: false } }),
    );

    expect(parameters?.["redirect_uri"]).toBe(`https://www.example${CALLBACK}`);
    expect(said.own()).toEqual([]);
  });
});

function authOf({ authOptions: { providers } }: World): { providers: World["authOptions"]["providers"] } {
  return { providers };
}
