/**
 * What the authorization server's answers look like over the wire: status, headers and body for each class of outcome, as
 * servers and proxies really send them (docs/outcomes.md). Nothing here waits or reads a clock.
 *
 * @module
 */
import type { RefreshOutcome } from "../src/core/refresher.ts";
import type { TokenEndpointResponse } from "../src/core/token-set.ts";
import type { Chance } from "./chance.ts";

/** One answer on its way: what it means in truth, and the tokens in it, if there are any. */
export interface Answered {
  readonly outcome: RefreshOutcome;
  readonly response?: TokenEndpointResponse;
}

/** Who the tokens are for, and when they are sent, in epoch milliseconds. */
export interface About {
  readonly user: string;
  readonly nowMs: number;
}

/** The issuer and client of every simulated grant. */
export const ISSUER = "https://as.example";
export const CLIENT_ID = "app";

const SECOND_MS = 1_000;
const HOUR_S = 3_600;
const PAGE = "<!doctype html><title>Sorry</title><p>Something went wrong.";
const HTML = { "content-type": "text/html; charset=utf-8" };
const JSON_TYPE = { "content-type": "application/json" };

/** The answer as `fetch` gives it. Throws what `fetch` rejects with. */
export function httpAnswerOf({ outcome, response }: Answered, about: About, chance: Chance): Response {
  if (outcome.kind === "committed") return json(200, withIdToken(response, about.user, about), chance);
  const { code, retryAfterMs } = outcome;
  switch (code) {
    case "subject_mismatch":
      return json(200, withIdToken(response, "somebody-else", about), chance);
    case "body_too_large":
      return new Response("{", { headers: { ...JSON_TYPE, "content-length": "104857600" } });
    case "body_broken_off":
      return new Response(brokenOff(), { headers: JSON_TYPE });
    case "redirect":
      return new Response(null, { status: 302, headers: { location: `${ISSUER}/login` } });
    case "not_json":
      return new Response(PAGE, { status: chance.pick([200, 404, 502]), headers: HTML });
    case "http_503":
    case "http_500":
      return new Response(PAGE, { status: Number(code.slice(5)), headers: HTML });
    case "http_429":
      return new Response("", { status: 429, headers: retryHeaders(retryAfterMs, about, chance) });
    case "use_dpop_nonce":
      return refusal(400, code, { "dpop-nonce": `nonce-${chance.int(1_000)}` });
    case "invalid_client":
      return refusal(401, code, { "www-authenticate": 'Basic realm="token"' });
    case "timeout":
      throw Object.assign(new Error("This operation was aborted"), { name: "AbortError" });
    case "connection_refused":
    case "metadata_unavailable":
      throw failed("ECONNREFUSED");
    case "reset":
      throw failed("ECONNRESET");
    default:
      return refusal(400, code, {});
  }
}

/** The response of a sign-in or a refresh, with an ID token for that person. */
export function withIdToken(
  response: TokenEndpointResponse | undefined,
  user: string,
  { nowMs }: Pick<About, "nowMs">,
): TokenEndpointResponse {
  const seconds = Math.floor(nowMs / SECOND_MS);
  const claims = { iss: ISSUER, sub: user, aud: CLIENT_ID, iat: seconds, exp: seconds + HOUR_S };
  return { ...response, id_token: `${encoded({ alg: "RS256" })}.${encoded(claims)}.c2ln` };
}

function json(status: number, members: TokenEndpointResponse, chance: Chance): Response {
  // Servers write the lifetime as a number or as a text.
  const { expires_in: told } = members;
  const odd =
    typeof told === "number" && chance.hits(0.2) ? { ...members, expires_in: String(told) } : members;
  return new Response(JSON.stringify(odd), { status, headers: JSON_TYPE });
}

function refusal(status: number, error: string, headers: Record<string, string>): Response {
  return new Response(JSON.stringify({ error }), { status, headers: { ...JSON_TYPE, ...headers } });
}

function retryHeaders(
  retryAfterMs: number | undefined,
  { nowMs }: About,
  chance: Chance,
): Record<string, string> {
  if (retryAfterMs === undefined) return HTML;
  const asDate = chance.hits(0.3);
  const until = new Date(nowMs + retryAfterMs).toUTCString();
  return { ...HTML, "retry-after": asDate ? until : String(Math.round(retryAfterMs / SECOND_MS)) };
}

/** A body of which the beginning comes, and then the connection breaks. */
function brokenOff(): ReadableStream<Uint8Array> {
  const parts = [new TextEncoder().encode('{"access_token":"')];
  return new ReadableStream({
    pull(controller) {
      const part = parts.pop();
      if (part === undefined) controller.error(failed("UND_ERR_SOCKET"));
      else controller.enqueue(part);
    },
  });
}

function failed(code: string): TypeError {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
