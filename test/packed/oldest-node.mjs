/**
 * Runs on the oldest Node that is supported, against the packed package, and prints one line of JSON with what it saw:
 * every entry imported, the store contract, and two users whose tokens are adopted, renewed under parallel calls, and
 * ended.
 */
import { encode } from "next-auth/jwt";
import "nolapse/client";
import { isTokenError, withFreshTokens } from "nolapse/next-auth";
import "nolapse/react";
import "nolapse/opentelemetry";
import { memoryStore } from "nolapse/stores/memory";
import "nolapse/stores/postgres";
import "nolapse/stores/redis";
import { sqliteStore } from "nolapse/stores/sqlite";
import { FakeClock, grantStoreContract, startStrictAuthorizationServer } from "nolapse/testing";

const LIFETIME_MS = 2_000;
const secret = process.env.NEXTAUTH_SECRET;

async function runContract() {
  const clock = new FakeClock();
  const store = memoryStore({ clock });
  let id = 0;
  for (const { check } of grantStoreContract) {
    const advance = (ms) => clock.advance(ms);
    await check({ store, advance, newId: () => `id ${++id} of the contract`, nowMs: () => clock.nowMs() });
  }
  return grantStoreContract.length;
}

/** The request of a user who signed in with a hand-written recipe. */
async function recipeRequest(server, user) {
  const { access_token, refresh_token } = server.issue({ user });
  const accessTokenExpires = Date.now() + LIFETIME_MS;
  const token = { sub: user, accessToken: access_token, refreshToken: refresh_token, accessTokenExpires };
  const cookie = await encode({ token, secret });
  return {
    token,
    request: new Request("http://localhost/", { headers: { cookie: `next-auth.session-token=${cookie}` } }),
  };
}

async function liveTwoLifetimes() {
  const client = { id: "app", secret: "client-secret-of-app" };
  const server = await startStrictAuthorizationServer({ accessTokenLifetimeMs: LIFETIME_MS, client });
  const provider = {
    ...{ id: "strict", name: "Strict", type: "oauth", issuer: server.issuer, token: server.tokenEndpoint },
    ...{ clientId: client.id, clientSecret: client.secret },
  };
  const { authOptions, close, getAccessToken } = withFreshTokens(
    { providers: [provider] },
    { store: memoryStore(), providers: { strict: { revocationEndpoint: server.revocationEndpoint } } },
  );
  const people = await Promise.all(["alice", "bob"].map((user) => recipeRequest(server, user)));
  const wrong = [];
  for (const endMs = Date.now() + 2 * LIFETIME_MS; Date.now() < endMs;) {
    const asks = people.flatMap(({ token, request }) =>
      Array.from({ length: 10 }, async () => {
        const { accessToken } = await getAccessToken(request);
        if (server.userOf(accessToken) !== token.sub) wrong.push(token.sub);
      }),
    );
    await Promise.all(asks);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const [alice, bob] = people;
  await authOptions.events.signOut({ token: alice.token });
  const rejected = await getAccessToken(alice.request).catch((error) => error);
  await getAccessToken(bob.request);
  // The revocation of a sign-out is nobody's wait but this one's.
  await close();
  const outcomes = server.requests.map(({ endpoint, outcome }) => `${endpoint} ${outcome}`);
  await server.close();
  return {
    wrong,
    signedOut: isTokenError(rejected) && rejected.code,
    outcomes: [...new Set(outcomes)].sort(),
    requests: outcomes.length,
  };
}

const sqlite = await sqliteStore({ path: "grants.db" })
  .read("x")
  .catch((error) => error);
console.log(
  JSON.stringify({
    node: process.versions.node,
    checks: await runContract(),
    ...(await liveTwoLifetimes()),
    sqlite: { code: sqlite.code, message: sqlite.message },
  }),
);
