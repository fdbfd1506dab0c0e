import { getServerSession } from "next-auth";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { faults } from "../../src/testing/strict-authorization-server.ts";
import { captureConsole } from "./support/console.ts";
import {
  LIFETIME_MS,
  OTHER_SECRET,
  SECRET,
  createWorld,
  jwtOf,
  pass,
  quiet,
  sessionCookieOf,
} from "./support/world.ts";

describe.each(["pages", "app"] as const)("the secrets of two users in the %s router", (form) => {
  it("appear in no log, error, event, session, header, page or store, whatever happens (SEC-01, SEC-05, SEC-83, I14)", async () => {
    const said = captureConsole();
    const issued: string[] = [];
    const rows: unknown[] = [];
    const world = await createWorld({
      auth: {
        debug: false,
        callbacks: { jwt: ({ token, account }) => (account ? { ...token, account } : token) },
      },
      options: { secret: [OTHER_SECRET], allowedOrigins: ["https://api.example"], maxWaitMs: 100 },
    });
    const { issue } = world.server;
    Object.assign(world.server, {
      issue: (grant: never) => {
        const tokens = issue(grant);
        issued.push(tokens.access_token, tokens.refresh_token);
        return tokens;
      },
    });
    const { insert, commit } = world.store;
    Object.assign(world.store, {
      insert: (grant: never) => (rows.push(grant), insert.call(world.store, grant)),
      commit: (id: never, given: never) => (rows.push(given), commit.call(world.store, id, given)),
    });
    const [alice, bob] = [world.browser(form), world.browser(form)];
    const seen: unknown[] = [];
    const secrets = new Set<string>([SECRET, OTHER_SECRET, "client-secret-of-app"]);
    const look = async (): Promise<void> => {
      for (const browser of [alice, bob]) {
        const { text, headers } = await browser.get("session");
        seen.push(
          text,
          [...headers].filter(([name]) => name !== "set-cookie"),
        );
        seen.push(await browser.inServerComponent(() => getServerSession(world.authOptions)));
        await world.getAccessToken(browser.pageRequest(), { minValidityMs: 20_000 }).then(
          ({ accessToken, ...rest }) => {
            secrets.add(accessToken);
            seen.push(rest);
          },
          (error: unknown) =>
            seen.push(error, inspect(error, { depth: 20 }), JSON.stringify(error), String(error)),
        );
        await world
          .fetchWithToken("https://elsewhere.example", {}, { request: browser.pageRequest() })
          .catch((error: unknown) => seen.push(error));
      }
      await quiet();
    };

    await alice.signIn("alice");
    await bob.signIn("bob");
    for (const browser of [alice, bob]) {
      secrets.add(sessionCookieOf(browser));
      secrets.add(((await jwtOf(browser))?.["nolapse"] as { handle: string }).handle);
    }
    for (let lifetime = 0; lifetime < 3; lifetime++) {
      await look();
      pass(LIFETIME_MS);
    }
    for (const fault of [
      faults.htmlPage(),
      faults.tooManyRequests(1),
      faults.error("invalid_client", 401),
      faults.lostAnswer(),
    ]) {
      pass(LIFETIME_MS * 0.7);
      world.server.faultNext(fault, 4);
      await look();
      pass(LIFETIME_MS * 3);
      await look();
    }
    world.store.down = true;
    await look();
    await bob.signIn("bob");
    world.store.down = false;
    world.server.revokeUser("alice");
    pass(LIFETIME_MS * 3);
    await look();
    seen.push((await alice.signOut()).text, (await bob.signOut()).text);
    await look();
    await quiet();

    for (const secret of issued) secrets.add(secret);
    expect(issued.length).toBeGreaterThanOrEqual(4);
    expect(secrets.size).toBeGreaterThan(10);
    expect(world.events.length).toBeGreaterThan(10);
    expect(rows.length).toBeGreaterThan(4);
    const shown = [
      said.text(),
      ...[seen, world.events, rows, world.server.requests].map((each) =>
        inspect(each, { depth: 20, maxStringLength: Infinity, maxArrayLength: Infinity }),
      ),
    ].join("\n");
    expect(shown, "tokens of refreshes").not.toMatch(/\b[ar]t-[\w-]{32}/);
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(15);
      for (const spelling of spellings(secret)) expect(shown.includes(spelling), spelling).toBe(false);
    }
  });
});

/** A secret as it may look in a log: as it is, in base64, percent-encoded. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    bytes.toString("base64url"),
    bytes.toString("base64"),
    bytes.toString("hex"),
    encodeURIComponent(secret),
  ];
}
