/**
 * The API's endpoints.
 *
 * | endpoint | answer |
 * | --- | --- |
 * | `POST /login` `{username, password}` | tokens, or 401 `invalid_credentials` |
 * | `POST /refresh` `{refresh_token}` | new tokens, or 400 `invalid_grant` |
 * | `POST /logout` `{refresh_token}` | `{}`, whether the token was known or not |
 * | `GET /orders`, `GET /me`, `POST /echo` | with a bearer token; 401 without a valid one |
 * | `GET /ticks` | the same; server-sent events, one a second, until the caller leaves |
 * | `GET /socket` | a WebSocket: see `socket.ts` |
 * | `GET /stats` | how many protected calls were answered and refused |
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";

import { shortHash, type AuditLog } from "../lib/audit-log.ts";
import { HttpProblem, readBody, sendJson } from "../lib/http.ts";
import type { AccessTokens } from "./access-tokens.ts";
import { profileOf, signIn } from "./accounts.ts";
import { authenticate, BadToken, type Caller, type Introspection } from "./bearer.ts";
import { ordersOf } from "./orders.ts";
import type { Session, Sessions } from "./sessions.ts";
import { sendTicks } from "./ticks.ts";

/** What the endpoints work with. */
export interface ApiParts {
  readonly sessions: Sessions;
  readonly own: AccessTokens;
  readonly introspection: Introspection;
  readonly audit: AuditLog;
}

type JsonObject = Readonly<Record<string, unknown>>;
type Answer = readonly [status: number, body: unknown];

const MAX_BODY_BYTES = 16_384;

/** The request handler. Calls counted since it was made. */
export function apiHandler(parts: ApiParts): (request: IncomingMessage, response: ServerResponse) => void {
  const stats = { sinceMs: Date.now(), answered: 0, refused: 0, unavailable: 0 };

  const protectedRoutes: Readonly<Record<string, (caller: Caller, body: JsonObject) => unknown>> = {
    "GET /ticks": ({ user }) => ({ user }),
    "GET /orders": ({ user }) => ({ user, orders: ordersOf(user) }),
    "GET /me": ({ user, issuedBy }) => ({ sub: user, issuedBy, ...profileOf(user) }),
    "POST /echo": ({ user }, body) => ({ user, echo: body }),
  };
  const openRoutes: Readonly<Record<string, (body: JsonObject) => Promise<Answer> | Answer>> = {
    "POST /login": (body) => login(parts, body),
    "POST /refresh": (body) => refresh(parts, body),
    "POST /logout": (body) => logout(parts, body),
    "GET /stats": () => [200, stats],
    "GET /health": () => [200, { status: "ok" }],
  };

  const answer = async (request: IncomingMessage, route: string): Promise<Answer> => {
    const open = Object.hasOwn(openRoutes, route) ? openRoutes[route] : undefined;
    if (open !== undefined) return open(await bodyOf(request));
    const guarded = Object.hasOwn(protectedRoutes, route) ? protectedRoutes[route] : undefined;
    if (guarded === undefined) throw new HttpProblem(404, "not_found", "There is no such endpoint");
    try {
      const caller = await authenticate(request.headers.authorization, parts);
      const body = guarded(caller, await bodyOf(request));
      stats.answered += 1;
      return [200, body];
    } catch (error) {
      if (error instanceof BadToken) stats.refused += 1;
      else if (error instanceof HttpProblem && error.status === 503) stats.unavailable += 1;
      throw error;
    }
  };

  return (request, response) => {
    const route = `${request.method ?? ""} ${(request.url ?? "").split("?")[0]}`;
    answer(request, route)
      .then(([status, body]) => {
        if (route === "GET /ticks") sendTicks(response, (body as { user: string }).user);
        else sendJson(response, status, body);
      })
      .catch((error: unknown) => sendProblem(response, error));
  };
}

function sendProblem(response: ServerResponse, error: unknown): void {
  if (!(error instanceof HttpProblem)) console.error(error);
  if (response.headersSent || response.destroyed) return void response.destroy();
  const problem =
    error instanceof HttpProblem ? error : new HttpProblem(500, "server_error", "Something went wrong");
  const headers: Record<string, string> = {
    ...(problem instanceof BadToken ? { "www-authenticate": problem.challenge } : {}),
    ...(problem.status === 503 ? { "retry-after": "1" } : {}),
    ...(problem.status === 413 ? { connection: "close" } : {}),
  };
  sendJson(response, problem.status, { error: problem.code, error_description: problem.message }, headers);
}

/** The JSON object that was sent; an empty one for a GET. A form cannot send JSON, so another site cannot either. */
async function bodyOf(request: IncomingMessage): Promise<JsonObject> {
  if (request.method !== "POST") return {};
  if (!/^application\/json\b/i.test(request.headers["content-type"] ?? "")) {
    throw new HttpProblem(415, "invalid_request", "The body has to be JSON");
  }
  const text = await readBody(request, MAX_BODY_BYTES);
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as JsonObject;
  } catch {
    // Answered below, as is anything else that is no object.
  }
  throw new HttpProblem(400, "invalid_request", "The body has to be a JSON object");
}

async function login(parts: ApiParts, body: JsonObject): Promise<Answer> {
  const user = await signIn(text(body, "username"), text(body, "password"));
  parts.audit("token_request", {
    grantType: "password",
    user: user ?? null,
    outcome: user ? "ok" : "invalid_credentials",
  });
  if (user === undefined)
    throw new HttpProblem(401, "invalid_credentials", "Name and password do not fit together");
  const { session, refreshToken } = parts.sessions.start(user);
  return [200, await tokens(parts, session, refreshToken, "password")];
}

async function refresh(parts: ApiParts, body: JsonObject): Promise<Answer> {
  const presented = text(body, "refresh_token");
  const rotation = parts.sessions.rotate(presented);
  const request = { grantType: "refresh_token", token: shortHash(presented) };
  if (rotation.status === "unknown") {
    parts.audit("token_request", { ...request, outcome: "invalid_grant" });
    throw new HttpProblem(400, "invalid_grant", "The refresh token is not known");
  }
  const who = { grant: shortHash(rotation.session.id), user: rotation.session.user };
  if (rotation.status === "reused") {
    parts.audit("token_request", { ...request, ...who, outcome: "invalid_grant" });
    parts.audit("refresh_token.reused", { ...request, ...who });
    parts.audit("grant.revoked", who);
    throw new HttpProblem(400, "invalid_grant", "The refresh token was used before; the sign-in is over");
  }
  parts.audit("token_request", { ...request, ...who, outcome: "ok" });
  parts.audit("refresh_token.consumed", { ...request, ...who });
  return [200, await tokens(parts, rotation.session, rotation.refreshToken, "refresh_token")];
}

function logout(parts: ApiParts, body: JsonObject): Answer {
  const session = parts.sessions.end(text(body, "refresh_token"));
  if (session)
    parts.audit("grant.revoked", { grant: shortHash(session.id), user: session.user, reason: "logout" });
  return [200, {}];
}

async function tokens(
  parts: ApiParts,
  session: Session,
  refreshToken: string,
  grantType: string,
): Promise<JsonObject> {
  const accessToken = await parts.own.issue(session);
  const details = { grant: shortHash(session.id), user: session.user, grantType };
  parts.audit("access_token.issued", { ...details, token: shortHash(accessToken) });
  parts.audit("refresh_token.issued", { ...details, token: shortHash(refreshToken) });
  return {
    access_token: accessToken,
    token_type: "Bearer",
    expires_in: parts.own.ttlSeconds,
    refresh_token: refreshToken,
    user: { id: session.user, ...profileOf(session.user) },
  };
}

function text(body: JsonObject, member: string): string {
  const value = body[member];
  if (typeof value === "string" && value.length > 0 && value.length <= 512) return value;
  throw new HttpProblem(400, "invalid_request", `"${member}" has to be a text of 1 to 512 characters`);
}
