/**
 * The real refresher of `src/oauth` in the simulation: it builds real requests and reads real answers, over a `fetch` that
 * is the simulated way to the authorization server. The truth stays the model's.
 *
 * @module
 */
import type { Clock } from "../src/core/clock.ts";
import type { Refresher, RefreshOutcome, RefreshRequest } from "../src/core/refresher.ts";
import { createOAuthRefresher } from "../src/oauth/oauth-refresher.ts";
import type { FetchLike } from "../src/oauth/send.ts";
import type { Chance } from "./chance.ts";
import { CLIENT_ID, httpAnswerOf, ISSUER, type About, type Answered } from "./http-answers.ts";

/** The simulated way, without HTTP. */
export interface Line {
  ask(request: RefreshRequest): Promise<Answered>;
  revoke(request: Pick<RefreshRequest, "tokenSet">): Promise<"revoked" | "failed">;
  /** Whose token it is, and what time it is at the server. */
  about(refreshToken: string): About;
}

/** What the refresher made of an answer, beside what it meant. */
export type OnClassified = (request: RefreshRequest, got: RefreshOutcome, meant: RefreshOutcome) => void;

/** The refresher of one process. */
export function httpRefresher(
  line: Line,
  clock: Clock,
  chance: Chance,
  onClassified: OnClassified,
): Refresher {
  const waiting: RefreshRequest[] = [];
  const meant = new Map<RefreshRequest, RefreshOutcome>();

  const token: FetchLike = async (_url, { body, signal }) => {
    const sent = new URLSearchParams(body as URLSearchParams);
    const refreshToken = sent.get("refresh_token") ?? "";
    const index = waiting.findIndex((one) => one.tokenSet.refreshToken === refreshToken);
    const [request] = waiting.splice(index, 1);
    if (request === undefined || signal == null) throw new Error("A request that nobody asked for");
    const { target: _asked, ...rest } = request;
    const target = targetOf(sent);
    const answered = await line.ask({ ...rest, signal, ...(target !== undefined && { target }) });
    meant.set(request, answered.outcome);
    return httpAnswerOf(answered, line.about(refreshToken), chance);
  };

  const revocation: FetchLike = async (_url, { body }) => {
    const sent = new URLSearchParams(body as URLSearchParams);
    if (sent.get("token_type_hint") === "access_token") return new Response(null, { status: 200 });
    const tokenSet = { accessToken: "", tokenType: "Bearer", issuedAtMs: 0 };
    const outcome = await line.revoke({ tokenSet: { ...tokenSet, refreshToken: sent.get("token") ?? "" } });
    return new Response(null, { status: outcome === "revoked" ? 200 : 503 });
  };

  const real = createOAuthRefresher({
    resolveProvider: (id) => ({
      id,
      issuer: ISSUER,
      tokenEndpoint: `${ISSUER}/token`,
      revocationEndpoint: `${ISSUER}/revoke`,
      clientId: CLIENT_ID,
      clientSecret: "a secret of the application",
    }),
    clock,
    fetch: (url, init) => (url.endsWith("/revoke") ? revocation(url, init) : token(url, init)),
  });
  return {
    async refresh(request) {
      waiting.push(request);
      const outcome = await real.refresh(request);
      const left = waiting.indexOf(request);
      if (left >= 0) waiting.splice(left, 1);
      const truth = meant.get(request);
      meant.delete(request);
      if (truth !== undefined) onClassified(request, outcome, truth);
      return outcome;
    },
    revoke: (request) => real.revoke(request),
  };
}

/** What the request asks for, as it was really sent. */
function targetOf(sent: URLSearchParams): RefreshRequest["target"] {
  const members = ["resource", "audience", "scope"].flatMap((name) => {
    const value = sent.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
