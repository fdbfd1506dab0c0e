import { describe, expect, it } from "vitest";
import { captureConsole } from "./support/console.ts";
import { LIFETIME_MS, createWorld, pass, strictProvider, type World } from "./support/world.ts";

describe("a sign-in that brings no refresh token", () => {
  it.each([
    ["google", /access_type: "offline".*prompt: "consent"/],
    ["azure-ad", /offline_access/],
    ["auth0", /"Allow Offline Access"/],
    ["reddit", /duration: "permanent"/],
    ["dropbox", /token_access_type: "offline"/],
    ["twitter", /offline\.access/],
    ["my-own-server", /offline_access/],
  ])("of %s is told once, with the parameter that is missing (F45)", async (id, hint) => {
    const said = captureConsole();
    const world = await appWith(id);
    const [alice, bob] = [world.browser(), world.browser()];

    await alice.signIn("alice", id);
    await bob.signIn("bob", id);

    expect(said.own()).toHaveLength(1);
    expect(said.own()[0]).toContain(`The sign-in with "${id}" brought no refresh token`);
    expect(said.own()[0]).toMatch(hint);
  });

  it("names the real provider's parameter under another id", async () => {
    const said = captureConsole();
    const world = await createWorld();
    const { id: _id, ...rest } = withoutRefreshToken(world, "google");
    const renamed = world.copy({
      auth: { providers: [{ ...rest, id: "google", options: { id: "google-work" } } as never] },
    });

    await renamed.browser().signIn("alice", "google-work");

    expect(said.own()[0]).toMatch(/"google-work" brought no refresh token.*access_type/);
  });

  it("is no mistake at a provider that has no refresh tokens at all (Q21)", async () => {
    const said = captureConsole();
    const world = await appWith("facebook");

    await world.browser().signIn("alice", "facebook");

    expect(said.own()).toEqual([]);
  });

  it("works until the access token ends, and then asks for a new sign-in", async () => {
    captureConsole();
    const world = await appWith("short-lived");
    const alice = world.browser();
    await alice.signIn("alice", "short-lived");

    pass(LIFETIME_MS - 2_000);
    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
    expect(await alice.session()).toMatchObject({ accessTokenExpiresIn: 2, tokenState: { askInMs: 2_000 } });

    pass(2_000);
    expect(await alice.session()).toMatchObject({
      error: "RefreshAccessTokenError",
      tokenState: { status: "reauthentication_required", reason: "no_refresh_token" },
    });
    await expect(world.getAccessToken(alice.pageRequest())).rejects.toMatchObject({
      code: "reauthentication_required",
      reason: "no_refresh_token",
    });
    expect(world.refreshes()).toBe(0);
  });
});

async function appWith(id: string): Promise<World> {
  const world = await createWorld();
  return world.copy({ auth: { providers: [withoutRefreshToken(world, id)] } });
}

function withoutRefreshToken(world: World, id: string): ReturnType<typeof strictProvider> {
  return strictProvider(world.server, {
    id,
    token: {
      url: world.server.tokenEndpoint,
      request: ({ params }: { params: { code?: string } }) => {
        const { refresh_token: _dropped, ...tokens } = world.server.issue({ user: params.code ?? "" });
        return Promise.resolve({ tokens });
      },
    },
  });
}
