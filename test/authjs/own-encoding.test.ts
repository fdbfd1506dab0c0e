/** Session tokens that a v5 app encodes and decodes by itself. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Browser } from "../next-auth/support/browser.ts";
import { sessionCookieOf } from "../next-auth/support/app-parts.ts";
import {
  LIFETIME_MS,
  OTHER_SECRET,
  SECRET,
  SESSION_COOKIE,
  createWorld,
  inServerAction,
  pass,
  sessionInComponent,
  type World,
} from "./support/world.ts";

interface Params {
  readonly token?: unknown;
  readonly secret: string | string[];
  readonly salt: string;
}

/** A signed token, as apps have it whose session another service reads. What it was asked is kept. */
function signedTokens(): { asked: Params[]; jwt: object } {
  const asked: Params[] = [];
  const macOf = (payload: string, { secret, salt }: Params): string =>
    createHmac("sha256", `${[secret].flat()[0] ?? ""}.${salt}`)
      .update(payload)
      .digest("base64url");
  return {
    asked,
    jwt: {
      encode(params: Params) {
        const payload = Buffer.from(JSON.stringify(params.token)).toString("base64url");
        return `${payload}.${macOf(payload, params)}`;
      },
      decode(params: Params) {
        asked.push(params);
        const [payload = "", mac = ""] = String(params.token).split(".");
        const [given, right] = [Buffer.from(mac), Buffer.from(macOf(payload, params))];
        if (given.length !== right.length || !timingSafeEqual(given, right)) throw new Error("forged");
        return JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
      },
    },
  };
}

describe("an app whose jwt.encode and jwt.decode are its own", () => {
  it("gives the token everywhere: decode gets the secret and the cookie's name, as by Auth.js", async () => {
    const { asked, jwt } = signedTokens();
    const world = await createWorld({ auth: { jwt } });
    const { alice, bob } = await signedIn(world);
    expect(sessionCookieOf(alice, SESSION_COOKIE)).toMatch(/^[\w-]+\.[\w-]{43}$/);
    asked.length = 0;

    for (let lifetime = 0; lifetime < 2; lifetime++) {
      const tokens = await Promise.all([
        world.getAccessToken(alice.pageRequest()),
        alice.inServerComponent(() => world.getAccessToken()),
        world.getAccessToken({ req: bob.nodeRequest() }),
      ]);
      expect(tokens.map(({ accessToken }) => world.server.userOf(accessToken))).toEqual([
        "alice",
        "alice",
        "bob",
      ]);
      expect(await alice.session()).toMatchObject({ user: { name: "alice" } });
      pass(LIFETIME_MS);
    }

    const contexts = asked.map(({ secret, salt }) => ({ secret, salt }));
    expect(new Set(contexts.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify({ secret: SECRET, salt: SESSION_COOKIE })]),
    );
  });

  it("signs out for good, by the route and by the server action", async () => {
    const world = await createWorld({ auth: { jwt: signedTokens().jwt } });
    const { alice, bob } = await signedIn(world);
    const [oldAlice, oldBob] = [alice.copy(), bob.copy()];

    await alice.signOut();
    await inServerAction(bob, () => world.nextAuth.signOut({ redirect: false }));

    for (const browser of [oldAlice, oldBob]) {
      await expect(world.getAccessToken(browser.pageRequest())).rejects.toMatchObject({
        code: "not_signed_in",
      });
      expect(await sessionInComponent(world, browser)).toBeNull();
    }
  });

  it("that does not open a cookie has nobody signed in: decode may throw or give null", async () => {
    const world = await createWorld({ auth: { jwt: signedTokens().jwt } });
    const { alice } = await signedIn(world);
    const forged = alice.copy();
    forged.jar.set(SESSION_COOKIE, `${sessionCookieOf(alice, SESSION_COOKIE).slice(0, -4)}AAAA`);
    const closed = world.copy({ auth: { jwt: { decode: () => null } } });

    await expect(world.getAccessToken(forged.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    await expect(closed.getAccessToken(alice.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    await expect(world.getAccessToken(alice.pageRequest())).resolves.toBeDefined();
  });

  it("may have a secret of its own for it, beside that of the configuration", async () => {
    const { asked, jwt } = signedTokens();
    const world = await createWorld({ auth: { jwt: { ...jwt, secret: OTHER_SECRET } as never } });
    const { alice } = await signedIn(world);
    asked.length = 0;

    await world.getAccessToken(alice.pageRequest());

    expect(asked).toMatchObject([{ secret: OTHER_SECRET, salt: SESSION_COOKIE }]);
  });
});

async function signedIn(world: World): Promise<{ alice: Browser; bob: Browser }> {
  const [alice, bob] = [world.browser(), world.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { alice, bob };
}
