/**
 * How a probe asks an authorization server: one refresh at a time, and the answer read down to what tells how it rotates.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import type { Clock } from "../core/clock.ts";

/** Where and as whom a probe refreshes. */
export interface ProbeServerOptions {
  /** The token endpoint. Give this and `client`, or `refresh`. */
  readonly tokenEndpoint?: string;
  /** The client of the test tenant. Without a secret only its id is sent. */
  readonly client?: { readonly id: string; readonly secret?: string };
  /** How the client proves who it is. @defaultValue `client_secret_basic` */
  readonly clientAuthentication?: "client_secret_basic" | "client_secret_post";
  /** Further members of each request, such as `{ scope: "openid offline_access" }`. @defaultValue none */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Sends one refresh request in your own way, and returns the server's response unread. */
  readonly refresh?: (refreshToken: string, signal: AbortSignal) => Promise<Response>;
  /** How long one request may take, in milliseconds. @defaultValue 30_000 */
  readonly requestTimeoutMs?: number;
  /** @defaultValue the global `fetch` */
  readonly fetch?: typeof globalThis.fetch;
}

/** What came of one refresh request. */
export type ProbeAnswer =
  | { readonly kind: "tokens"; readonly accessToken: string; readonly refreshToken: string | undefined }
  /** The server does not take this refresh token. */
  | { readonly kind: "refused"; readonly code: string }
  /** Nothing is known: an outage, a rate limit, a timeout. */
  | { readonly kind: "unclear"; readonly code: string };

/** Sends a refresh token. Never rejects. */
export type ProbeRefresh = (refreshToken: string) => Promise<ProbeAnswer>;

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_BODY_CHARACTERS = 1_048_576;

/** Binds the requests of a probe to one server. @throws {@link InvalidOptionError} where it is not told how to ask. */
export function probeRefreshOf(options: ProbeServerOptions, clock: Clock): ProbeRefresh {
  const { refresh, tokenEndpoint, requestTimeoutMs = DEFAULT_TIMEOUT_MS } = options;
  if (refresh === undefined && (tokenEndpoint === undefined || !URL.canParse(tokenEndpoint))) {
    throw new InvalidOptionError(
      "tokenEndpoint",
      "must be the address of the test tenant's token endpoint, or give refresh, a function that sends the request",
    );
  }
  const send = refresh ?? ((token, signal) => post(options, String(tokenEndpoint), token, signal));
  return async (refreshToken) => {
    const deadline = new AbortController();
    const finished = new AbortController();
    const expiry = clock.sleep(requestTimeoutMs, finished.signal).then((): ProbeAnswer => {
      if (!finished.signal.aborted) deadline.abort();
      return { kind: "unclear", code: "timeout" };
    });
    try {
      return await Promise.race([ask(send, refreshToken, deadline.signal), expiry]);
    } finally {
      finished.abort();
    }
  };
}

async function ask(
  send: NonNullable<ProbeServerOptions["refresh"]>,
  refreshToken: string,
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  try {
    const response = await send(refreshToken, signal);
    return read(response.status, await response.text());
  } catch {
    // What was thrown may quote the request, and with it the refresh token.
    return { kind: "unclear", code: "not_reached" };
  }
}

function post(
  { client, clientAuthentication = "client_secret_basic", parameters = {}, fetch }: ProbeServerOptions,
  tokenEndpoint: string,
  refreshToken: string,
  signal: AbortSignal,
): Promise<Response> {
  const body = new URLSearchParams({
    ...parameters,
    grant_type: "refresh_token",
    refresh_token: refreshToken,
  });
  const headers: Record<string, string> = { accept: "application/json" };
  if (client?.secret !== undefined && clientAuthentication === "client_secret_basic") {
    const [id, secret] = [client.id, client.secret].map(formEncoded);
    headers["authorization"] = `Basic ${btoa(`${id}:${secret}`)}`;
  } else if (client !== undefined) {
    body.set("client_id", client.id);
    if (client.secret !== undefined) body.set("client_secret", client.secret);
  }
  const request = { method: "POST", body, headers, redirect: "error", cache: "no-store", signal } as const;
  return (fetch ?? globalThis.fetch)(tokenEndpoint, request);
}

/** @see [RFC 6749, section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749.html#section-2.3.1) */
function formEncoded(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}

function read(status: number, text: string): ProbeAnswer {
  const members = text.length > MAX_BODY_CHARACTERS ? undefined : parsed(text);
  const accessToken = members?.["access_token"];
  if (status < 300 && typeof accessToken === "string" && accessToken !== "") {
    const refreshToken = members?.["refresh_token"];
    return {
      kind: "tokens",
      accessToken,
      refreshToken: typeof refreshToken === "string" && refreshToken !== "" ? refreshToken : undefined,
    };
  }
  const said = members?.["error"];
  const code = typeof said === "string" && /^[\w.-]{1,40}$/.test(said) ? said : `http_${status}`;
  const clear = status !== 408 && status !== 429 && status < 500 && (status >= 400 || said !== undefined);
  return { kind: clear ? "refused" : "unclear", code };
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
