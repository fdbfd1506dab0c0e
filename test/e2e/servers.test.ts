/**
 * The servers that every other end-to-end test stands on: if these promises do not hold, the others prove nothing.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { openStorage } from "../../examples/servers/authorization-server/storage.ts";
import { browserless, submitLogin } from "./support/browserless.ts";
import { authorizationRequest, refresh, revoke, signIn } from "./support/oauth-client.ts";
import { DEFAULT_REDIRECT_URI, LOGINS, startServers, type Servers } from "./support/servers.ts";

let servers: Servers;

beforeAll(async () => {
  servers = await startServers({ tokenTtlSeconds: 3 });
});
afterAll(() => servers.stop());
afterEach(() => {
  servers.authorizationServer.proxy.clear();
  servers.authorizationServer.proxy.release();
});

const callOrders = (accessToken: string): Promise<Response> =>
  fetch(`${servers.apiUrl}/orders`, { headers: { authorization: `Bearer ${accessToken}` } });

const callBackend = async (
  path: string,
  body: unknown,
): Promise<{ status: number; [member: string]: unknown }> => {
  const response = await fetch(`${servers.apiUrl}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, ...((await response.json()) as object) };
};

/** Sends the tokens over a socket, each when the one before it was taken over, and waits until the API closes it. */
const endOfSocket = (tokens: readonly string[]): Promise<{ code: number; why: string; atMs: number }> =>
  new Promise((resolve) => {
    const socket = new WebSocket(`${servers.apiUrl.replace(/^http/, "ws")}/socket`);
    const left = [...tokens];
    const sendNext = (): void => {
      const token = left.shift();
      if (token !== undefined) socket.send(JSON.stringify({ token }));
    };
    socket.onopen = sendNext;
    socket.onmessage = ({ data }) => {
      if ("ok" in (JSON.parse(String(data)) as object)) sendNext();
    };
    socket.onclose = ({ code, reason: why }) => resolve({ code, why, atMs: Date.now() });
  });

const grantOf = (event: string, grants: readonly (string | null | undefined)[]): number =>
  servers.authorizationServer.audit(event).filter((entry) => grants.includes(entry.grant)).length;

const lastGrant = (): string => servers.authorizationServer.audit("refresh_token.issued").at(-1)?.grant ?? "";

describe("the authorization server", () => {
  it("signs two people in by its form, and the API knows each by the token", async () => {
    const alice = await signIn(servers, browserless(), LOGINS.alice);
    const bob = await signIn(servers, browserless(), LOGINS.bob);

    expect(await (await callOrders(alice.access_token)).json()).toMatchObject({ user: "alice" });
    expect(await (await callOrders(bob.access_token)).json()).toMatchObject({ user: "bob" });
    expect(alice.expires_in).toBe(3);
    expect(alice.refresh_token).not.toBe("");
  });

  it("consents in the user's name to what its own application asks for, offline access included", async () => {
    const browser = browserless();
    const first = await signIn(servers, browser, LOGINS.alice, { prompt: "consent" });
    const again = await signIn(servers, browser, LOGINS.alice, { prompt: "consent" });

    for (const tokens of [first, again]) {
      expect(tokens.scope.split(" ").sort()).toEqual(["email", "offline_access", "openid", "profile"]);
      expect((await refresh(servers, tokens.refresh_token)).status).toBe(200);
    }
  });

  it("lets a person cancel, and tells the application", async () => {
    const browser = browserless();
    const form = await browser.visit(authorizationRequest(servers).url);

    const back = await browser.visit(form.url, {
      method: "POST",
      body: new URLSearchParams({ cancel: "yes" }),
      follow: { until: DEFAULT_REDIRECT_URI },
    });

    expect(new URL(back.url).searchParams.get("error")).toBe("access_denied");
  });

  it("shows the form again after a wrong password, with the name kept, and takes the right one", async () => {
    const browser = browserless();
    const form = await browser.visit(authorizationRequest(servers).url);

    const refused = await submitLogin(browser, form, { username: "alice", password: "wrong" });
    const stop = { follow: { until: DEFAULT_REDIRECT_URI } };
    const accepted = await submitLogin(browser, refused, LOGINS.alice, stop);

    expect(refused.status).toBe(401);
    expect(refused.body).toContain('role="alert"');
    expect(refused.body).toContain('value="alice"');
    expect(new URL(accepted.url).searchParams.get("code")).not.toBeNull();
  });

  it("speaks Korean to a Korean browser, and shows the demo logins", async () => {
    const korean = browserless({ headers: { "accept-language": "ko-KR,ko;q=0.9,en;q=0.8" } });
    const english = browserless();

    expect((await korean.visit(authorizationRequest(servers).url)).body).toContain("비밀번호");
    const page = await english.visit(authorizationRequest(servers).url);
    expect(page.body).toContain("Password");
    expect(page.body).toContain("alice-demo");
  });

  it("answers with a page of its own when a sign-in is over or a request is wrong", async () => {
    const browser = browserless();

    const over = await browser.visit(`${servers.issuer}/interaction/nobody`);
    const wrong = await browser.visit(`${servers.issuer}/auth?client_id=nobody`);

    expect([over.status, wrong.status]).toEqual([400, 400]);
    expect(over.body).toContain("This sign-in is over");
    expect(wrong.body).toContain("That did not work");
    expect(wrong.body).toContain("invalid_client");
  });

  it("sends nobody to an address that was not registered (SEC)", async () => {
    const url = new URL(authorizationRequest(servers).url);
    url.searchParams.set("redirect_uri", "https://elsewhere.example/callback");

    const answer = await browserless().visit(url.href, { follow: false });

    expect(answer.status).toBe(400);
    expect(answer.headers.get("location")).toBeNull();
  });

  it("rotates the refresh token at every refresh", async () => {
    const first = await signIn(servers, browserless(), LOGINS.alice);
    const second = await refresh(servers, first.refresh_token);
    const third = await refresh(servers, second.refresh_token);

    expect([second.status, third.status]).toEqual([200, 200]);
    const tokens = [first, second, third].flatMap((answer) => [answer.access_token, answer.refresh_token]);
    expect(new Set(tokens).size).toBe(6);
    expect(grantOf("refresh_token.consumed", [lastGrant()])).toBe(2);
    expect(grantOf("access_token.issued", [lastGrant()])).toBe(3);
  });

  it("ends the whole grant when an old refresh token comes back, and nobody else's", async () => {
    const alice = await signIn(servers, browserless(), LOGINS.alice);
    const aliceGrant = lastGrant();
    const other = await signIn(servers, browserless(), LOGINS.bob);
    const newest = await refresh(servers, alice.refresh_token);

    const replay = await refresh(servers, alice.refresh_token);

    expect([replay.status, replay.error]).toEqual([400, "invalid_grant"]);
    expect((await refresh(servers, newest.refresh_token)).error).toBe("invalid_grant");
    expect((await callOrders(newest.access_token)).status).toBe(401);
    expect((await refresh(servers, other.refresh_token)).status).toBe(200);
    expect(grantOf("refresh_token.reused", [aliceGrant])).toBe(1);
    expect(grantOf("grant.revoked", [aliceGrant])).toBe(1);
    expect(grantOf("grant.revoked", [lastGrant()])).toBe(0);
  });

  it("lets only one of many refreshes at the same moment through, and ends the grant", async () => {
    const { refresh_token } = await signIn(servers, browserless(), LOGINS.alice);
    const grant = lastGrant();

    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(servers, refresh_token)));

    const winners = answers.filter((answer) => answer.status === 200);
    expect(winners.length).toBeLessThanOrEqual(1);
    expect(answers.filter((answer) => answer.error === "invalid_grant").length).toBe(8 - winners.length);
    expect(grantOf("refresh_token.reused", [grant])).toBeGreaterThan(0);
    for (const { refresh_token: won } of winners) {
      expect((await refresh(servers, won)).error).toBe("invalid_grant");
    }
  });

  it("gives each sign-in of the same browser a grant of its own", async () => {
    const browser = browserless();
    const first = await signIn(servers, browser, LOGINS.alice);
    const second = await signIn(servers, browser, LOGINS.alice);

    expect(await revoke(servers, first.refresh_token)).toBe(200);

    expect((await refresh(servers, first.refresh_token)).error).toBe("invalid_grant");
    expect((await callOrders(first.access_token)).status).toBe(401);
    expect((await callOrders(second.access_token)).status).toBe(200);
    expect((await refresh(servers, second.refresh_token)).status).toBe(200);
  });

  it("keeps grants, keys and the browser's sign-in over a stop and over a crash", async () => {
    const browser = browserless();
    const tokens = await signIn(servers, browser, LOGINS.bob);
    const jwks = await (await fetch(`${servers.issuer}/jwks`)).text();

    await servers.authorizationServer.restart();
    const afterStop = await refresh(servers, tokens.refresh_token);
    await servers.authorizationServer.kill();
    await servers.authorizationServer.start();
    const afterCrash = await refresh(servers, afterStop.refresh_token);

    expect([afterStop.status, afterCrash.status]).toEqual([200, 200]);
    expect(await (await fetch(`${servers.issuer}/jwks`)).text()).toBe(jwks);
    const silent = await browser.visit(authorizationRequest(servers).url, {
      follow: { until: DEFAULT_REDIRECT_URI },
    });
    expect(new URL(silent.url).searchParams.get("code")).not.toBeNull();
    expect((await refresh(servers, tokens.refresh_token)).error).toBe("invalid_grant");
  });

  it("asks once before it signs out of its own session, then wants the password again", async () => {
    const browser = browserless();
    const { id_token } = await signIn(servers, browser, LOGINS.bob);

    const question = await browser.visit(`${servers.issuer}/session/end?id_token_hint=${id_token}`);
    const goodbye = await browser.submit(question, {}, { body: "" });

    expect(question.body).toContain("Sign out here too?");
    expect(goodbye.status).toBe(200);
  });

  it("lets its files be read by their owner alone (SEC)", () => {
    const files = [
      "as.db",
      "as.db-wal",
      "as-keys.json",
      "audit.jsonl",
      "api.db",
      "api-key.json",
      "api-audit.jsonl",
    ];
    const modes = files.map((file) => statSync(join(servers.dataDir, file)).mode & 0o777);

    expect(modes).toEqual(files.map(() => 0o600));
  });
});

describe("the authorization server's store", () => {
  it("lets a refresh token be used once, even by two requests that both found it unused", async () => {
    const reused: string[] = [];
    const storage = openStorage(join(servers.dataDir, "race.db"), {
      reused: ({ grantId }) => reused.push(grantId),
    });
    const tokens = storage.adapter("RefreshToken");
    await tokens.upsert("R1", { grantId: "G1", jti: "R1" }, 60);
    await storage.adapter("Grant").upsert("G1", { jti: "G1" }, 60);
    const found = await Promise.all([tokens.find("R1"), tokens.find("R1")]);

    await tokens.consume("R1");
    const second = tokens.consume("R1");

    await expect(second).rejects.toMatchObject({ error: "invalid_grant" });
    expect(found.map((one) => one?.["consumed"])).toEqual([undefined, undefined]);
    expect(reused).toEqual(["G1"]);
    expect(await tokens.find("R1")).toBeUndefined();
    expect(await storage.adapter("Grant").find("G1")).toBeUndefined();
    storage.close();
  });
});

describe("the API", () => {
  it("refuses calls without a token, with a wrong one and with an expired one, and says why", async () => {
    const { access_token } = await signIn(servers, browserless(), LOGINS.alice);
    const none = await fetch(`${servers.apiUrl}/orders`);
    const wrong = await callOrders("not-a-token");
    const good = await callOrders(access_token);
    await new Promise((resolve) => setTimeout(resolve, 3_200));
    const expired = await callOrders(access_token);

    expect([none.status, wrong.status, good.status, expired.status]).toEqual([401, 401, 200, 401]);
    expect(none.headers.get("www-authenticate")).toBe('Bearer realm="nolapse-example"');
    expect(expired.headers.get("www-authenticate")).toContain('error="invalid_token"');
  });

  it("closes a socket when its last token has expired, is wrong or is another user's, and goes on with a new one", async () => {
    const [first, other, wrong] = await Promise.all([
      callBackend("/login", LOGINS.carol),
      callBackend("/login", LOGINS.dave),
      endOfSocket(["not-a-token"]),
    ]);
    const foreign = await endOfSocket([String(first["access_token"]), String(other["access_token"])]);
    const second = await callBackend("/refresh", { refresh_token: first["refresh_token"] });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const third = await callBackend("/refresh", { refresh_token: second["refresh_token"] });
    const [once, renewed] = await Promise.all([
      endOfSocket([String(second["access_token"])]),
      endOfSocket([second, third].map((tokens) => String(tokens["access_token"]))),
    ]);

    expect([wrong, foreign, once, renewed].map(({ code }) => code)).toEqual([4401, 4401, 4401, 4401]);
    expect([wrong.why, once.why]).toEqual(["The token is not valid", "The token has expired"]);
    expect(foreign.why).toBe("Another user's token");
    expect(renewed.atMs - once.atMs, "the second token changed nothing").toBeGreaterThan(500);
  });

  it("does not take a refresh token for an access token (SEC)", async () => {
    const { refresh_token } = await signIn(servers, browserless(), LOGINS.alice);

    expect((await callOrders(refresh_token)).status).toBe(401);
  });

  it("signs its own users in, and refuses a wrong password and a wrong name alike", async () => {
    const carol = await callBackend("/login", LOGINS.carol);
    const wrongPassword = await callBackend("/login", { ...LOGINS.carol, password: "wrong" });
    const wrongName = await callBackend("/login", { ...LOGINS.carol, username: "nobody" });

    expect(carol).toMatchObject({ status: 200, token_type: "Bearer", expires_in: 3, user: { id: "carol" } });
    expect(await (await callOrders(String(carol["access_token"]))).json()).toMatchObject({ user: "carol" });
    expect(wrongPassword).toEqual(wrongName);
    expect(wrongPassword.status).toBe(401);
  });

  it("rotates its refresh tokens, and ends one sign-in when an old one comes back", async () => {
    const first = await callBackend("/login", LOGINS.carol);
    const other = await callBackend("/login", LOGINS.dave);
    const second = await callBackend("/refresh", { refresh_token: first["refresh_token"] });

    const replay = await callBackend("/refresh", { refresh_token: first["refresh_token"] });

    expect(second.status).toBe(200);
    expect(replay).toMatchObject({ status: 400, error: "invalid_grant" });
    expect(await callBackend("/refresh", { refresh_token: second["refresh_token"] })).toMatchObject({
      status: 400,
    });
    expect((await callOrders(String(second["access_token"]))).status).toBe(401);
    expect(await callBackend("/refresh", { refresh_token: other["refresh_token"] })).toMatchObject({
      status: 200,
    });
    expect(servers.api.audit("refresh_token.reused").length).toBe(1);
  });

  it("keeps sign-ins over a restart, and ends one at logout", async () => {
    const first = await callBackend("/login", LOGINS.dave);
    await servers.api.restart();
    const second = await callBackend("/refresh", { refresh_token: first["refresh_token"] });
    await callBackend("/logout", { refresh_token: second["refresh_token"] });

    expect(second.status).toBe(200);
    expect((await callOrders(String(second["access_token"]))).status).toBe(401);
    expect(await callBackend("/refresh", { refresh_token: second["refresh_token"] })).toMatchObject({
      status: 400,
    });
  });

  it("bounds what it reads, and takes JSON only", async () => {
    const tooLong = await callBackend("/login", { username: "carol", password: "x".repeat(20_000) });
    const form = await fetch(`${servers.apiUrl}/login`, {
      method: "POST",
      body: new URLSearchParams(LOGINS.carol as never),
    });

    expect(tooLong.status).toBe(413);
    expect(form.status).toBe(415);
  });

  it("counts the calls that it answered and refused", async () => {
    const stats = async (): Promise<Record<string, number>> =>
      (await (await fetch(`${servers.apiUrl}/stats`)).json()) as Record<string, number>;
    const { access_token } = await signIn(servers, browserless(), LOGINS.alice);
    const before = await stats();
    await callOrders(access_token);
    await callOrders("not-a-token");
    const after = await stats();

    expect(after["answered"]! - before["answered"]!).toBe(1);
    expect(after["refused"]! - before["refused"]!).toBe(1);
  });

  it("says that it cannot tell, rather than no, while the authorization server is away", async () => {
    const { access_token } = await signIn(servers, browserless(), LOGINS.alice);
    await servers.authorizationServer.stop();
    const answer = await callOrders(access_token);
    await servers.authorizationServer.start();

    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
  });
});

describe("the fault proxy", () => {
  it("answers in the server's place as often as told, then lets requests through", async () => {
    const { proxy } = servers.authorizationServer;
    const { refresh_token } = await signIn(servers, browserless(), LOGINS.alice);
    const body = '{"error":"temporarily_unavailable"}';
    proxy.next(1, { kind: "respond", status: 429, headers: { "retry-after": "1" }, body });
    proxy.next(1, { kind: "respond", status: 503, body }, { grantType: "refresh_token" });

    const answers = [
      await refresh(servers, refresh_token),
      await refresh(servers, refresh_token),
      await refresh(servers, refresh_token),
    ];

    expect(answers.map((answer) => answer.status)).toEqual([429, 503, 200]);
    expect(proxy.log.slice(-3).map((entry) => entry.status)).toEqual([429, 503, 200]);
    expect(new Set(proxy.log.slice(-3).map((entry) => entry.refreshTokenHash)).size).toBe(1);
  });

  it("holds requests until they are released, before the server has heard of them", async () => {
    const { proxy } = servers.authorizationServer;
    const tokens = [
      await signIn(servers, browserless(), LOGINS.alice),
      await signIn(servers, browserless(), LOGINS.bob),
    ];
    const consumedBefore = servers.authorizationServer.audit("refresh_token.consumed").length;
    proxy.hold();
    const answers = Promise.all(tokens.map((token) => refresh(servers, token.refresh_token)));
    await proxy.untilHeld(2);
    const consumedWhileHeld = servers.authorizationServer.audit("refresh_token.consumed").length;
    const openBefore = proxy.log.slice(-2).map((entry) => entry.endedAtMs);

    proxy.release();

    expect((await answers).map((answer) => answer.status)).toEqual([200, 200]);
    expect(openBefore).toEqual([undefined, undefined]);
    expect(consumedWhileHeld).toBe(consumedBefore);
  });

  it("loses an answer after the server has committed, so that the token is used up", async () => {
    const { proxy } = servers.authorizationServer;
    const { refresh_token } = await signIn(servers, browserless(), LOGINS.alice);
    proxy.next(1, { kind: "cut_after" });

    await expect(refresh(servers, refresh_token)).rejects.toThrow();

    expect(proxy.log.at(-1)).toMatchObject({ serverStatus: 200, fault: "cut_after" });
    expect(proxy.log.at(-1)?.status).toBeUndefined();
    expect((await refresh(servers, refresh_token)).error).toBe("invalid_grant");
  });

  it("cuts or stalls before the server has heard, so that the token is still good", async () => {
    const { proxy } = servers.authorizationServer;
    const { refresh_token } = await signIn(servers, browserless(), LOGINS.alice);
    proxy.next(1, { kind: "cut_before" });
    await expect(refresh(servers, refresh_token)).rejects.toThrow();
    proxy.next(1, { kind: "stall" });
    const stalled = expect(refresh(servers, refresh_token)).rejects.toThrow();
    while (proxy.log.at(-1)?.fault !== "stall") await new Promise((resolve) => setTimeout(resolve, 5));

    proxy.clear();

    await stalled;
    expect((await refresh(servers, refresh_token)).status).toBe(200);
  });

  it("disturbs the backend's refreshes as well", async () => {
    const { refresh_token } = await callBackend("/login", LOGINS.carol);
    servers.api.proxy.next(1, {
      kind: "respond",
      status: 503,
      headers: { "content-type": "application/json" },
      body: "{}",
    });

    const disturbed = await callBackend("/refresh", { refresh_token });
    const clean = await callBackend("/refresh", { refresh_token });

    expect([disturbed.status, clean.status]).toEqual([503, 200]);
    expect(servers.api.proxy.log.at(-1)?.grantType).toBe("refresh_token");
  });
});

describe("what the servers write down", () => {
  it("never holds a token, a code or a password (SEC)", async () => {
    const alice = await signIn(servers, browserless(), LOGINS.alice);
    const renewed = await refresh(servers, alice.refresh_token);
    const carol = await callBackend("/login", LOGINS.carol);

    const secrets = [alice, renewed].flatMap((answer) => [
      answer.access_token,
      answer.refresh_token,
      answer.id_token,
    ]);
    const all = [
      ...secrets,
      String(carol["access_token"]),
      String(carol["refresh_token"]),
      "alice-demo",
      "carol-demo",
    ];
    const written = [
      JSON.stringify(servers.authorizationServer.audit()),
      JSON.stringify(servers.api.audit()),
      servers.authorizationServer.output(),
      servers.api.output(),
    ].join("\n");

    expect(all.filter((secret) => written.includes(secret))).toEqual([]);
    expect(written).toContain("refresh_token.issued");
  });
});
