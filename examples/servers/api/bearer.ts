/**
 * Who is calling: reads the bearer token and checks it, at every call, with whoever issued it.
 *
 * @module
 */
import { HttpProblem } from "../lib/http.ts";
import type { AccessTokens } from "./access-tokens.ts";
import type { Sessions } from "./sessions.ts";

/** The caller of a protected endpoint. */
export interface Caller {
  readonly user: string;
  /** Whose token it was: the authorization server's, or the backend's own. */
  readonly issuedBy: "authorization-server" | "backend";
  /** When the token ends, in epoch milliseconds. */
  readonly expiresAtMs: number;
}

/** Where to ask about the authorization server's tokens. */
export interface Introspection {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

const BEARER = /^Bearer ([\w.~+/-]{8,4096}=*)$/i;
const INTROSPECTION_TIMEOUT_MS = 5_000;

/** No token, or one that is not valid: the caller gets a 401 with `WWW-Authenticate`. */
export class BadToken extends HttpProblem {
  override readonly name = "HttpProblem";
  readonly challenge: string;
  constructor(given: boolean) {
    super(
      401,
      given ? "invalid_token" : "unauthorized",
      given ? "The access token is not valid" : "No access token",
    );
    // RFC 6750, section 3.1: no error code where the request brought no token.
    const error = `, error="invalid_token", error_description="The access token is expired, revoked or unknown"`;
    this.challenge = `Bearer realm="nolapse-example"${given ? error : ""}`;
  }
}

/**
 * Who the `Authorization` header belongs to. Rejects with {@link BadToken}, or with a 503 {@link HttpProblem} while
 * the authorization server cannot be asked.
 *
 * @see [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662.html) - OAuth 2.0 Token Introspection
 */
export async function authenticate(
  header: string | undefined,
  checkers: {
    readonly own: AccessTokens;
    readonly sessions: Sessions;
    readonly introspection: Introspection;
  },
): Promise<Caller> {
  if (header === undefined) throw new BadToken(false);
  const token = BEARER.exec(header)?.[1];
  if (token === undefined) throw new BadToken(true);
  if (token.split(".").length === 3) {
    const session = await checkers.own.check(token);
    if (session === undefined || !checkers.sessions.isLive(session.id)) throw new BadToken(true);
    return { user: session.user, issuedBy: "backend", expiresAtMs: session.expiresAtMs };
  }
  return { ...(await introspect(token, checkers.introspection)), issuedBy: "authorization-server" };
}

async function introspect(
  token: string,
  { url, clientId, clientSecret }: Introspection,
): Promise<Omit<Caller, "issuedBy">> {
  const credentials = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
  let answer: { active?: unknown; sub?: unknown; token_type?: unknown; exp?: unknown };
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
        accept: "application/json",
      },
      body: new URLSearchParams({ token, token_type_hint: "access_token" }),
      redirect: "error",
      signal: AbortSignal.timeout(INTROSPECTION_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`introspection answered ${response.status}`);
    answer = (await response.json()) as typeof answer;
  } catch (error) {
    console.error("introspection failed:", error instanceof Error ? error.message : error);
    throw new HttpProblem(
      503,
      "temporarily_unavailable",
      "The authorization server cannot be asked about the token",
    );
  }
  // A refresh token is active too, but has no token type: it must not open the API.
  if (answer.active === true && typeof answer.sub === "string" && answer.token_type === "Bearer")
    return { user: answer.sub, expiresAtMs: Number(answer.exp ?? Infinity) * 1000 };
  throw new BadToken(true);
}
