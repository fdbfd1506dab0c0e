/**
 * The way between the pages of a browser and the server: latency, losses, doubled and overtaken answers, caches, and the
 * cookie jar, into which cookies go in the order in which answers arrive (X54, X63).
 *
 * @module
 */
import type { Chance } from "../chance.ts";
import type { Timeline } from "../timeline.ts";
import type { RequestFault } from "./faults.ts";
import { HttpCache, type KeptAnswer } from "./http-cache.ts";
import type { Action, BrowserRecord, Sender } from "./history.ts";
import type { SimPage } from "./page.ts";
import { seenOf } from "./seen.ts";
import type { SessionServer } from "./session-server.ts";
import type { RequestFate, Weather } from "./weather.ts";

/** A request as a page sends it. */
export interface Sent {
  readonly by: Sender;
  readonly action: Action;
  readonly reason: string;
  readonly user?: string;
  /**
   * Whether the browser's cache may answer it. Answers to reads are kept there if they allow that; NextAuth's own reads go to
   * the server all the same, or its users would see the old session whatever nolapse does.
   */
  readonly mayBeCached?: boolean;
  readonly signal?: AbortSignal | null | undefined;
}

/** What the network needs of the world. */
export interface Surroundings {
  readonly timeline: Timeline;
  readonly server: SessionServer;
  readonly weather: Weather;
  readonly chance: Chance;
  readonly latencyMs: number;
  readonly cdn: boolean;
  readonly cacheControl: string | null;
  record(record: BrowserRecord): void;
  note(id: string, browser: number, what: string): void;
  /** A cookie jar may name another grant now. */
  jarChanged(): void;
}

/** One request on its way. */
interface Trip {
  readonly request: number;
  readonly page: SimPage;
  readonly sent: Sent;
  readonly fate: RequestFate;
  readonly resolve: (response: Response) => void;
  readonly fail: () => void;
}

const SESSION_URL = "/api/auth/session";
/** The client's own deadline for a request, and a little more. */
const DEADLINE_MS = 16_000;
const SLOW_MS = 2_000;
/** When a browser gives up a connection on which nothing comes; NextAuth's own requests have no deadline. */
const BROWSER_GIVES_UP_MS = 60_000;
const GATEWAY: Readonly<Partial<Record<RequestFault, number>>> = {
  "500": 500,
  "503": 503,
  "401": 401,
  html: 200,
};

/** The network of all browsers. */
export class Network {
  readonly #world: Surroundings;
  readonly #cdn = new HttpCache("shared");
  /** By page: the answer that it was given last. */
  readonly delivered = new Map<SimPage, number>();
  readonly #lastArrived = new Map<number, number>();
  #requests = 0;

  constructor(world: Surroundings) {
    this.#world = world;
  }

  /** Sends a request of a page. Rejects as `fetch` does. */
  send(page: SimPage, sent: Sent): Promise<Response> {
    const { timeline, weather } = this.#world;
    const request = ++this.#requests;
    const { machine, name: tab } = page;
    const browser = machine.index;
    const { by, action, reason, signal } = sent;
    this.#world.record({ kind: "ask", atMs: timeline.nowMs, browser, tab, request, by, reason });
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(new DOMException("Aborted", "AbortError")));
      const fail = (): void => page.pass(() => reject(new TypeError("Failed to fetch")));
      const fate = weather.requestFate(browser);
      const trip: Trip = { request, page, sent, fate, resolve, fail };
      if (!machine.isOnline) {
        this.#world.note("X58", browser, "a request while offline");
        this.#hinder(page, SLOW_MS);
        return void timeline.after(5, fail);
      }
      const kept = action === "session" ? machine.cache.find(SESSION_URL, timeline.nowMs) : undefined;
      if (kept && sent.mayBeCached === true)
        return void timeline.after(2, () => this.#arrive(trip, kept, true));
      if (kept && sent.by === "client")
        this.#world.note("X63", browser, "an answer in the cache was passed by");
      this.#depart(trip);
    });
  }

  #depart(trip: Trip): void {
    const { timeline, chance, latencyMs } = this.#world;
    const { page, fate } = trip;
    const { what, downMs } = fate;
    const cookie = page.machine.jar.header;
    const upMs = Math.round(latencyMs * (0.5 + chance.next())) + fate.upMs;
    if (upMs + downMs > SLOW_MS) this.#hinder(page, upMs + downMs + SLOW_MS);
    if (what === "lost" || what === "hangs") {
      this.#troubled(trip, what);
      return this.#giveUp(trip, what === "lost" ? chance.between(1, 5_000) : undefined);
    }
    timeline.after(upMs, () => void this.#reach(trip, cookie));
    if (what === "doubled")
      timeline.after(upMs + chance.between(1, 9_000), () => void this.#again(trip, cookie));
  }

  async #reach(trip: Trip, cookie: string): Promise<void> {
    const { timeline, cdn, note } = this.#world;
    const { sent, page, fate, request } = trip;
    const isRead = sent.action === "session";
    const kept = cdn && isRead ? this.#cdn.find(SESSION_URL, timeline.nowMs) : undefined;
    if (kept) return this.#travel(trip, kept, true);
    const status = GATEWAY[fate.what as RequestFault];
    if (status !== undefined) {
      this.#troubled(trip, String(fate.what));
      const body = fate.what === "401" ? "{}" : "<!doctype html><h1>Sorry</h1>";
      return this.#travel(trip, { request, status, headers: new Headers(), body }, false);
    }
    const answer = await this.#answer(trip, cookie);
    if (cdn && isRead && !this.#cdn.keep(SESSION_URL, answer, timeline.nowMs))
      note("X63", page.machine.index, "a CDN may not store the answer");
    this.#travel(trip, answer, false);
  }

  /** The request reached the server twice; nobody waits for the second answer. */
  async #again(trip: Trip, cookie: string): Promise<void> {
    this.#world.note("X54", trip.page.machine.index, "a request came twice");
    await this.#answer(trip, cookie);
  }

  async #answer({ sent, page, request }: Trip, cookie: string): Promise<KeptAnswer> {
    const { server, timeline } = this.#world;
    const { action, reason, user } = sent;
    const browser = page.machine.index;
    const { response, ...truth } = await server.answer({ action, cookie, reason, user, browser });
    const { status } = response;
    const body = await response.text();
    const session = action === "session" || action === "update" ? (JSON.parse(body) as object) : {};
    const seen = seenOf(Object.keys(session).length > 0 ? session : null);
    const { stateNo } = server;
    this.#world.record({
      kind: "answered",
      atMs: timeline.nowMs,
      browser,
      request,
      action,
      status,
      ...truth,
      seen,
      stateNo,
    });
    this.#world.jarChanged();
    return { request, status, headers: response.headers, body };
  }

  #travel(trip: Trip, answer: KeptAnswer, cached: boolean): void {
    const { timeline, chance, latencyMs, cacheControl } = this.#world;
    const { page, fate, sent } = trip;
    const isRead = sent.action === "session" && answer.status === 200;
    if (cacheControl !== null && isRead) answer.headers.set("cache-control", cacheControl);
    const downMs = Math.round(latencyMs * (0.5 + chance.next())) + fate.downMs;
    if (fate.what === "answer_lost") {
      this.#troubled(trip, "the answer was lost");
      return this.#giveUp(trip, chance.hits(0.5) ? downMs + 1_000 : undefined);
    }
    timeline.after(downMs, () => page.machine.pass(() => this.#arrive(trip, answer, cached)));
    if (fate.what !== "answer_doubled") return;
    timeline.after(downMs + chance.between(1, 20_000), () =>
      page.machine.pass(() => {
        this.#world.note("X54", page.machine.index, "an answer came twice");
        this.#takeCookies(page, answer, cached);
      }),
    );
  }

  #arrive(trip: Trip, answer: KeptAnswer, cached: boolean): void {
    const { page, sent, resolve, fail } = trip;
    const { machine } = page;
    if (!machine.isOnline) {
      this.#hinder(page, SLOW_MS);
      return fail();
    }
    this.#takeCookies(page, answer, cached);
    const { status, body } = answer;
    if (sent.action === "session" && (sent.by === "next-auth" || sent.mayBeCached === true) && !cached)
      machine.cache.keep(SESSION_URL, answer, machine.timeline.nowMs);
    const headers = new Headers(answer.headers);
    headers.delete("set-cookie");
    page.pass(() => {
      this.delivered.set(page, answer.request);
      resolve(new Response(body, { status, headers }));
    });
  }

  #takeCookies({ machine }: SimPage, { request, headers }: KeptAnswer, cached: boolean): void {
    const browser = machine.index;
    const lines = headers.getSetCookie();
    const before = machine.jar.handle;
    machine.jar.take(lines);
    const { handle: after } = machine.jar;
    const last = this.#lastArrived.get(browser) ?? 0;
    if (lines.length > 0 && request < last) this.#world.note("X54", browser, "an answer was overtaken");
    this.#lastArrived.set(browser, Math.max(last, request));
    this.#world.record({
      kind: "arrived",
      atMs: machine.timeline.nowMs,
      browser,
      request,
      before,
      after,
      cached,
    });
    this.#world.jarChanged();
  }

  /** The request fails after that time, or once the browser gives up; of the client's own that is for its deadline to see. */
  #giveUp({ sent, fail }: Trip, afterMs: number | undefined): void {
    if (afterMs === undefined && sent.by === "client") return;
    this.#world.timeline.after(afterMs ?? BROWSER_GIVES_UP_MS, fail);
  }

  #troubled({ page, sent, fate }: Trip, what: string): void {
    this.#world.note(
      fate.what === "answer_lost" ? "X54" : "X58",
      page.machine.index,
      `${sent.action}: ${what}`,
    );
    const longestMs = sent.by === "client" ? DEADLINE_MS : BROWSER_GIVES_UP_MS + SLOW_MS;
    this.#hinder(page, longestMs + fate.upMs + fate.downMs);
  }

  #hinder({ machine, name: tab }: SimPage, forMs: number): void {
    const atMs = machine.timeline.nowMs;
    this.#world.record({ kind: "hindered", atMs, browser: machine.index, tab, untilMs: atMs + forMs });
  }
}
