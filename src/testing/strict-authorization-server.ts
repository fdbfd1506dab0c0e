/**
 * An authorization server in this process, for tests: strict rotation with reuse detection (or another class of it),
 * revocation, a log of what it was asked, and faults on demand. It speaks HTTP on the loopback, so that a test covers everything that a real
 * server would see.
 *
 * ```ts
 * const server = await startStrictAuthorizationServer({ accessTokenLifetimeMs: 5_000 });
 * const tokens = server.issue({ user: "alice" });
 * server.faultNext(faults.lostAnswer());
 * // … the code under test refreshes at server.tokenEndpoint …
 * expect(server.requests.map((request) => request.outcome)).toEqual(["rotated"]);
 * await server.close();
 * ```
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock, type Clock } from "../core/clock.ts";
import type { RotationPolicy } from "../core/rotation.ts";
import type { Fault } from "./faults.ts";
import { answer, bodyOf, fail, Gate, isClient, json, listen } from "./strict-server-http.ts";
import { TokenFamilies, tokenRef, type IssuedTokens } from "./token-families.ts";

export { faults, type Fault } from "./faults.ts";
export { tokenRef, type IssuedTokens } from "./token-families.ts";

/** What a {@link StrictAuthorizationServer} can be told at its start. */
export interface StrictAuthorizationServerOptions {
  /** How long an access token works, in milliseconds. @defaultValue 60_000 */
  readonly accessTokenLifetimeMs?: number;
  /** What a refresh token that was used before is answered with. @defaultValue strict: its family ends */
  readonly rotation?: RotationPolicy;
  /** What expiry and delays are measured by. @defaultValue the system's clock */
  readonly clock?: Clock;
  /** @defaultValue a free one */
  readonly port?: number;
  /** Asked of every client, in the `Authorization` header or the body. @defaultValue none is asked */
  readonly client?: { readonly id: string; readonly secret: string };
}

/** One request as the server saw it. Tokens are named by 12 characters of their hash. */
export interface LoggedRequest {
  /** By the server's clock, in epoch milliseconds. */
  readonly atMs: number;
  readonly endpoint: "token" | "revocation" | "metadata" | "userinfo" | "other";
  /**
   * `reused`: a refresh token came a second time, and its family has ended. `repeated`: it did, and `rotation` lets that
   * pass. `rotated` is also said of a refresh that brings the same refresh token (`none`).
   */
  readonly outcome:
    "rotated" | "repeated" | "reused" | "revoked" | "unknown" | "refused" | "fault" | "answered" | "pending";
  readonly user?: string;
  readonly tokenRef?: string;
  /** The parameters that are no secrets. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** A running server. */
export interface StrictAuthorizationServer {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint: string;
  /** Answers 200 with `sub` for an access token that works, else 401. */
  readonly userinfoEndpoint: string;
  /** Everything that was asked so far, oldest first. */
  readonly requests: readonly LoggedRequest[];
  /** How many access tokens were issued, those of {@link StrictAuthorizationServer.issue} included. */
  readonly issuedAccessTokens: number;
  /** How many token requests wait because of {@link StrictAuthorizationServer.hold}. */
  readonly heldRequests: number;
  /** Signs a user in: the first token set of a new family. */
  issue(grant: { readonly user: string; readonly scope?: string }): IssuedTokens;
  /** Makes the next token requests go wrong, after those already asked for. */
  faultNext(fault: Fault, count?: number): void;
  /** Lets token requests arrive and wait, undecided, until {@link StrictAuthorizationServer.release}. */
  hold(): void;
  release(): void;
  /** Ends every family of a user, as an administrator does. */
  revokeUser(user: string): void;
  /** Whose access token this is, if it still works. */
  userOf(accessToken: string): string | undefined;
  /** The `resource` or `audience` that an access token was asked for, if it still works. */
  audienceOf(accessToken: string): string | undefined;
  /** Ends all connections, open requests included. */
  close(): Promise<void>;
}

const DEFAULT_LIFETIME_MS = 60_000;
const SECRET_PARAMETERS: ReadonlySet<string> = new Set([
  "refresh_token",
  "token",
  "client_secret",
  "client_assertion",
]);

/** Starts a server on 127.0.0.1. Rejects if the port is taken. */
export async function startStrictAuthorizationServer(
  options: StrictAuthorizationServerOptions = {},
): Promise<StrictAuthorizationServer> {
  const { clock = systemClock, accessTokenLifetimeMs = DEFAULT_LIFETIME_MS, client, port = 0 } = options;
  const families = new TokenFamilies(accessTokenLifetimeMs, () => clock.nowMs(), options.rotation);
  const requests: LoggedRequest[] = [];
  const pendingFaults: Fault[] = [];
  const gate = new Gate();
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await listen(server, port);
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await bodyOf(request));
    const { pathname } = new URL(request.url ?? "/", issuer);
    const atMs = clock.nowMs();
    const position = requests.length;
    const log = (entry: Omit<LoggedRequest, "atMs" | "parameters">): void => {
      requests[position] = { atMs, parameters: loggable(form), ...entry };
    };
    switch (`${request.method ?? ""} ${pathname}`) {
      case "POST /token":
        log({ endpoint: "token", outcome: "pending" });
        return token(request, response, form, log);
      case "POST /revoke": {
        const user = families.revoke(form.get("token") ?? "");
        log({
          endpoint: "revocation",
          outcome: "revoked",
          ...refOf(form.get("token")),
          ...(user && { user }),
        });
        return answer(response, 200, "");
      }
      case "GET /userinfo": {
        const user = families.userOf(/^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "");
        log({ endpoint: "userinfo", outcome: user === undefined ? "refused" : "answered" });
        return user === undefined ? answer(response, 401, "") : json(response, 200, { sub: user });
      }
      case "GET /.well-known/openid-configuration":
        log({ endpoint: "metadata", outcome: "answered" });
        return json(response, 200, {
          issuer,
          token_endpoint: `${issuer}/token`,
          revocation_endpoint: `${issuer}/revoke`,
          userinfo_endpoint: `${issuer}/userinfo`,
        });
      default:
        log({ endpoint: "other", outcome: "refused" });
        return answer(response, 404, "");
    }
  }

  async function token(
    request: IncomingMessage,
    response: ServerResponse,
    form: URLSearchParams,
    log: (entry: Omit<LoggedRequest, "atMs" | "parameters">) => void,
  ): Promise<void> {
    const fault = pendingFaults.shift() ?? {};
    const refreshToken = form.get("refresh_token") ?? "";
    const named = { endpoint: "token" as const, ...refOf(refreshToken) };
    await gate.passed();
    if (fault.delayMs !== undefined) await clock.sleep(fault.delayMs);
    const spends = fault.cut === "after_commit" || fault.committed === true;
    if (fault.cut === "before_commit" || (fault.status !== undefined && !spends)) {
      log({ ...named, outcome: "fault" });
      return fail(response, fault);
    }
    if (client !== undefined && !isClient(request, form, client)) {
      log({ ...named, outcome: "refused" });
      return json(response, 401, { error: "invalid_client" });
    }
    if (form.get("grant_type") !== "refresh_token") {
      log({ ...named, outcome: "refused" });
      return json(response, 400, { error: "unsupported_grant_type" });
    }
    const redemption = families.redeem(refreshToken, {
      scope: form.get("scope") ?? undefined,
      audience: form.get("resource") ?? form.get("audience") ?? undefined,
    });
    const user = redemption.kind === "unknown" ? {} : { user: redemption.user };
    log({ ...named, outcome: redemption.kind === "wider" ? "refused" : redemption.kind, ...user });
    if (spends) return fail(response, fault);
    if (redemption.kind === "wider") return json(response, 400, { error: "invalid_scope" });
    return "tokens" in redemption
      ? json(response, 200, redemption.tokens)
      : json(response, 400, {
          error: "invalid_grant",
          error_description: `refresh token ${redemption.kind}`,
        });
  }

  return {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    revocationEndpoint: `${issuer}/revoke`,
    userinfoEndpoint: `${issuer}/userinfo`,
    requests,
    get issuedAccessTokens() {
      return families.issuedAccessTokens;
    },
    get heldRequests() {
      return gate.waiting;
    },
    issue: ({ user, scope = "openid offline_access" }) => families.start(user, scope),
    faultNext(fault, count = 1) {
      for (let each = 0; each < count; each++) pendingFaults.push(fault);
    },
    hold: () => gate.close(),
    release: () => gate.open(),
    revokeUser: (user) => families.revokeUser(user),
    userOf: (accessToken) => families.userOf(accessToken),
    audienceOf: (accessToken) => families.audienceOf(accessToken),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        gate.open();
      }),
  };
}

function loggable(form: URLSearchParams): Record<string, string> {
  return Object.fromEntries([...form].filter(([name]) => !SECRET_PARAMETERS.has(name)));
}

function refOf(token: string | null): { readonly tokenRef?: string } {
  return token === null || token === "" ? {} : { tokenRef: tokenRef(token) };
}
