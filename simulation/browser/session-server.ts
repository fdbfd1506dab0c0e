/**
 * The application's server, with the truth: who is signed in by which cookie, and how old each token is.
 *
 * What the product does to the answers of NextAuth's route is done by the product itself: its wrapper, its fields of a
 * session, its thresholds, and its word on which end of a grant means that nobody is signed in. NextAuth is modelled: each
 * session read sets the cookie again, under the same handle; a sign-in makes a new grant and ends the one before.
 *
 * @module
 */
import type { App } from "../../src/adapter/app.ts";
import { handlerContext } from "../../src/adapter/request-context.ts";
import { sessionFieldsOf } from "../../src/adapter/session-fields.ts";
import { isSignedOut } from "../../src/adapter/session-grants.ts";
import { wrapHandlerOf } from "../../src/adapter/wrap-handler.ts";
import type { ReauthenticationReason } from "../../src/core/errors.ts";
import { timingOf } from "../../src/core/lead-time.ts";
import type { GrantView } from "../../src/core/view-grant.ts";
import type { Chance } from "../chance.ts";
import type { Timeline } from "../timeline.ts";
import { SESSION_COOKIE, handleOf } from "./cookie-jar.ts";
import type { Action, Seen } from "./history.ts";

/** One sign-in. */
export interface Grant {
  readonly handle: string;
  readonly user: string;
  expiresAtMs: number;
  /** How many tokens it has had. */
  version: number;
  /** What an administrator may change, and `update()` shows. */
  role: number;
  endedBy: "signed_out" | "replaced" | "revoked" | "rejected" | undefined;
  refreshing: Promise<void> | undefined;
}

/** A request, as it came. */
export interface Call {
  readonly action: Action;
  readonly cookie: string;
  readonly reason: string;
  /** Who signs in. */
  readonly user: string | undefined;
  readonly browser: number;
}

/** An answer, and what was true when it was made. */
export interface Answered {
  readonly response: Response;
  readonly handle: string;
  readonly isLive: boolean;
  /** Whether it is the first to tell of a new token. */
  readonly refreshed: boolean;
}

const ORIGIN = "https://app.example";
const MIN_ASK_MS = 1_000;
const RETRY_IN_MS = 10_000;
const NOBODY: Seen = { user: null, needsSignIn: false };

/** The server. */
export class SessionServer {
  readonly grants = new Map<string, Grant>();
  /** Counts what changes. */
  stateNo = 0;
  readonly #timeline: Timeline;
  readonly #chance: Chance;
  readonly #options: { readonly lifetimeMs: number; readonly showsToken: boolean };
  readonly #refreshFails: (browser: number) => boolean;
  readonly #calls = new WeakMap<Request, Call>();
  readonly #wrapped: (request: Request) => Promise<Response>;
  /** By grant: the newest token of which an answer has told. */
  readonly #told = new Map<string, number>();
  #sealed = 0;

  constructor(
    timeline: Timeline,
    chance: Chance,
    options: { readonly lifetimeMs: number; readonly showsToken: boolean },
    refreshFails: (browser: number) => boolean,
  ) {
    this.#timeline = timeline;
    this.#chance = chance;
    this.#options = options;
    this.#refreshFails = refreshFails;
    this.#wrapped = wrapHandlerOf({ host: HOST, options: {} } as unknown as App)((request: Request) =>
      this.#nextAuth(this.#calls.get(request) as Call),
    ) as (request: Request) => Promise<Response>;
  }

  /** Answers a request, some time later where a token has to be refreshed for it. */
  async answer(call: Call): Promise<Answered> {
    const path = PATHS[call.action];
    const request = new Request(ORIGIN + path, {
      headers: { cookie: call.cookie, "x-nolapse-ask": call.reason },
    });
    this.#calls.set(request, call);
    const handle = handleIn(call.cookie);
    const response = await this.#wrapped(request);
    const { version, endedBy } = this.grants.get(handle) ?? {};
    const isLive = version !== undefined && (endedBy === undefined || endedBy === "rejected");
    const refreshed = version !== undefined && version > (this.#told.get(handle) ?? 1);
    if (refreshed) this.#told.set(handle, version);
    return { response, handle, isLive, refreshed };
  }

  /** Makes a grant. */
  signIn(user: string): Grant {
    const grant: Grant = {
      handle: `g${this.grants.size + 1}`,
      user,
      expiresAtMs: this.#timeline.nowMs + this.#options.lifetimeMs,
      version: 1,
      role: 0,
      endedBy: undefined,
      refreshing: undefined,
    };
    this.grants.set(grant.handle, grant);
    this.stateNo++;
    return grant;
  }

  /** Ends a grant, once. */
  end(handle: string, reason: NonNullable<Grant["endedBy"]>): void {
    const grant = this.grants.get(handle);
    if (grant === undefined || grant.endedBy !== undefined) return;
    grant.endedBy = reason;
    this.stateNo++;
  }

  /** What a cookie of that grant is worth, by the model's own word and not the product's. */
  truthOf(handle: string): Seen {
    const grant = this.grants.get(handle);
    if (grant === undefined) return NOBODY;
    if (grant.endedBy === undefined) return { user: grant.user, needsSignIn: false };
    return grant.endedBy === "rejected" ? { user: grant.user, needsSignIn: true } : NOBODY;
  }

  /** The line that sets the session cookie. */
  cookieFor({ handle }: Grant): string {
    return `${SESSION_COOKIE}=${handle}~${++this.#sealed}; Path=/; Secure; HttpOnly; SameSite=Lax`;
  }

  #nextAuth(call: Call): Promise<Response> | Response {
    const grant = this.grants.get(handleIn(call.cookie));
    if (call.action === "signout") {
      if (grant) this.end(grant.handle, "signed_out");
      return answerOf({ url: ORIGIN }, DELETED);
    }
    if (call.action === "callback") {
      if (grant) this.end(grant.handle, "replaced");
      return answerOf({ url: ORIGIN }, this.cookieFor(this.signIn(call.user ?? "nobody")));
    }
    return grant === undefined ? answerOf({}) : this.#read(grant, call);
  }

  async #read(grant: Grant, { action, browser }: Call): Promise<Response> {
    const context = handlerContext();
    if (context) context.reading = { provider: "example", keyId: "k", id: grant.handle };
    const leftMs = grant.expiresAtMs - this.#timeline.nowMs;
    const isDue = grant.endedBy === undefined && leftMs <= timingOf(this.#options.lifetimeMs, {}).leadTimeMs;
    const isFailing = isDue && this.#refreshFails(browser);
    if (isDue && !isFailing) await this.#refreshOf(grant);
    if (action === "update" && grant.endedBy === undefined) {
      grant.role++;
      this.stateNo++;
    }
    const view = this.#viewOf(grant, isFailing);
    if (view.status === "ended" && isSignedOut(view.reason)) {
      if (context) context.signedOut = true;
      return answerOf({}, DELETED);
    }
    const { user, role } = grant;
    const session = {
      user: { name: user, email: `${user}@example.com`, role },
      expires: new Date(this.#timeline.nowMs + 2_592_000_000).toISOString(),
      ...sessionFieldsOf(view, "RefreshAccessTokenError"),
    };
    return answerOf(session, this.cookieFor(grant));
  }

  /** All readers of a grant wait for one refresh. */
  #refreshOf(grant: Grant): Promise<void> {
    return (grant.refreshing ??= new Promise((resolve) => {
      this.#timeline.after(this.#chance.between(20, 600), () => {
        grant.refreshing = undefined;
        if (grant.endedBy === undefined) {
          grant.version++;
          grant.expiresAtMs = this.#timeline.nowMs + this.#options.lifetimeMs;
          this.stateNo++;
        }
        resolve();
      });
    }));
  }

  #viewOf(grant: Grant, isFailing: boolean): GrantView {
    const { endedBy, expiresAtMs, version, user } = grant;
    const grantRef = grant.handle;
    if (endedBy !== undefined)
      return { status: "ended", grantRef, reason: endedBy satisfies string as ReauthenticationReason };
    const leftMs = expiresAtMs - this.#timeline.nowMs;
    const { idleLeadTimeMs } = timingOf(this.#options.lifetimeMs, {});
    const askInMs = isFailing ? RETRY_IN_MS : leftMs - idleLeadTimeMs;
    return {
      status: isFailing || leftMs <= 0 ? "retrying" : "fresh",
      grantRef,
      expiresAtMs,
      expiresInMs: Math.max(0, leftMs),
      askInMs: Math.max(MIN_ASK_MS, Math.round(askInMs)),
      ...(this.#options.showsToken && { accessToken: `at-${user}-${version}` }),
    };
  }
}

const DELETED = `${SESSION_COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax`;

const PATHS: Readonly<Record<Action, string>> = {
  session: "/api/auth/session",
  update: "/api/auth/session",
  callback: "/api/auth/callback/example",
  signout: "/api/auth/signout",
};

/** What the wrapper asks of NextAuth's side. */
const HOST = {
  prepare: () => Promise.resolve(),
  actionOf: (url: string) => url.split("/api/auth/")[1]?.split("/")[0],
  sessionCookieName: () => SESSION_COOKIE,
  strategy: () => "jwt",
  decodeSession: () => Promise.resolve(null),
};

function handleIn(cookieHeader: string): string {
  const pair = cookieHeader.split("; ").find((each) => each.startsWith(`${SESSION_COOKIE}=`));
  return handleOf(pair?.slice(SESSION_COOKIE.length + 1));
}

function answerOf(body: object, ...lines: readonly string[]): Response {
  const headers = new Headers({ "content-type": "application/json" });
  for (const line of lines) headers.append("set-cookie", line);
  return new Response(JSON.stringify(body), { headers });
}
