/**
 * The browsers of one run, their pages, the network and the server, and what is known of them.
 *
 * @module
 */
import { chanceOf, type Chance } from "../chance.ts";
import { Timeline } from "../timeline.ts";
import { App } from "./app.ts";
import { TabChannel, type Delivery } from "./channel.ts";
import { noCoverage, type Sometimes } from "./coverage.ts";
import {
  BrowserHistory,
  isSame,
  type BrowserRecord,
  type MachineEvent,
  type Seen,
  type TabEvent,
} from "./history.ts";
import { TabLock } from "./locks.ts";
import { Machine } from "./machine.ts";
import { Network } from "./network.ts";
import { SimPage } from "./page.ts";
import { USERS, type BrowserPlan } from "./plan.ts";
import { SessionServer } from "./session-server.ts";
import { Weather } from "./weather.ts";

/** One browser profile. */
export interface Browser {
  readonly machine: Machine;
  readonly channel: TabChannel;
  /** NextAuth's own message that the session changed. */
  readonly announcements: TabChannel;
  readonly lock: TabLock | undefined;
  /** What `localStorage` says was announced last. */
  announced: number;
  /** NextAuth's message that was sent last. */
  announcement: string;
  apps: App[];
  truth: Seen | undefined;
  handle: string;
}

const MOST_TABS = 20;

/** Everything of one run. */
export class World {
  readonly plan: BrowserPlan;
  readonly timeline = new Timeline();
  readonly history = new BrowserHistory();
  readonly weather: Weather;
  readonly server: SessionServer;
  readonly network: Network;
  readonly browsers: readonly Browser[];
  readonly chance: Chance;
  /** How often each fault took effect. */
  readonly injected = new Map<string, number>();
  readonly coverage = noCoverage();
  #pages = 0;
  #caller: App | undefined;

  constructor(plan: BrowserPlan) {
    const { options } = plan;
    const { seed } = options;
    this.plan = plan;
    this.chance = chanceOf(seed, "browser/world");
    this.weather = new Weather(chanceOf(seed, "browser/weather"));
    const fails = (browser: number): boolean => {
      const isFailing = this.weather.refreshFails(browser);
      if (isFailing) this.note("X33", browser, "a refresh brought nothing");
      return isFailing;
    };
    this.server = new SessionServer(this.timeline, chanceOf(seed, "browser/server"), options, fails);
    this.network = new Network({
      ...options,
      timeline: this.timeline,
      server: this.server,
      weather: this.weather,
      chance: chanceOf(seed, "browser/network"),
      record: (record) => this.record(record),
      note: (id, browser, what) => this.note(id, browser, what),
      jarChanged: () => this.tellTruth(),
    });
    this.browsers = options.browsers.map(({ locks }, index) => this.#browser(index, locks));
  }

  /** Stands for the global `fetch` of whoever calls it right after {@link callFrom}. */
  readonly fetch = (async (_url: unknown, init: RequestInit = {}): Promise<Response> => {
    const app = this.#caller as App;
    const headers = new Headers(init.headers);
    app.asking++;
    try {
      return await this.network.send(app.page, {
        by: "client",
        action: "session",
        reason: headers.get("x-nolapse-ask") ?? "",
        mayBeCached: init.cache !== "no-store",
        signal: init.signal,
      });
    } finally {
      app.asking--;
    }
  }) as typeof fetch;

  /** The session route's address, for a request that the client of that page sends now. */
  callFrom(app: App): string {
    this.#caller = app;
    return "/api/auth/session";
  }

  /** Opens the first pages, each browser with a user of its own. */
  open(): void {
    for (const [index, browser] of this.browsers.entries()) {
      const grant = this.server.signIn(USERS[index] ?? "alice");
      browser.machine.jar.take([this.server.cookieFor(grant)]);
      this.tellTruth();
      for (let tab = 0; tab < (this.plan.options.browsers[index]?.tabs ?? 1); tab++) this.openPage(browser);
    }
  }

  openPage(browser: Browser): void {
    if (browser.apps.length >= MOST_TABS) return;
    const { machine } = browser;
    const name = `b${machine.index}t${++this.#pages}`;
    const chance = chanceOf(this.plan.options.seed, `browser/page/${name}`);
    const page = new SimPage(machine, name, chance, this.plan.options.throttles);
    page.onTimerFault = (id) => this.note(id, machine.index, "timers");
    machine.pages.push(page);
    const app = new App(this, browser, page);
    browser.apps.push(app);
    this.tab(page, "opened");
    page.pass(() => app.start());
  }

  /** The page is gone: closed in good order, or not. */
  closePage(browser: Browser, app: App, what: "closed" | "crashed"): void {
    const { page } = app;
    if (page.isGone) return;
    if (app.asking > 0 || browser.lock?.isHeldBy(page) === true)
      this.note("X55", browser.machine.index, `${what} while it asked`);
    if (what === "closed" && page.isRunning) app.stop();
    page.vanish();
    browser.lock?.drop(page);
    browser.apps = browser.apps.filter((one) => one !== app);
    browser.machine.pages.splice(browser.machine.pages.indexOf(page), 1);
    this.network.delivered.delete(page);
    this.tab(page, what);
  }

  /** The page is loaded anew, after a sign-in. */
  reload(browser: Browser, app: App): void {
    if (app.page.isGone) return;
    this.closePage(browser, app, "closed");
    this.openPage(browser);
  }

  record(record: BrowserRecord): void {
    this.history.add(record);
  }
  tab({ name: tab, machine }: SimPage, what: TabEvent): void {
    this.record({ kind: "tab", atMs: this.timeline.nowMs, browser: machine.index, tab, what });
  }
  machine({ index: browser, missedMs }: Machine, what: MachineEvent): void {
    this.record({ kind: "machine", atMs: this.timeline.nowMs, browser, what, missedMs });
  }
  /** A fault took effect. */
  note(id: string, browser: number, what: string): void {
    this.injected.set(id, (this.injected.get(id) ?? 0) + 1);
    this.record({ kind: "fault", atMs: this.timeline.nowMs, browser, id, what });
  }
  saw(state: Sometimes): void {
    this.coverage[state]++;
  }

  /** Records what the server would say now, where that is something else than before. */
  tellTruth(): void {
    for (const browser of this.browsers) {
      const { handle, index } = { handle: browser.machine.jar.handle, index: browser.machine.index };
      const seen = this.server.truthOf(handle);
      if (browser.truth !== undefined && isSame(seen, browser.truth) && handle === browser.handle) continue;
      browser.truth = seen;
      browser.handle = handle;
      this.record({ kind: "truth", atMs: this.timeline.nowMs, browser: index, seen, handle });
    }
  }

  #browser(index: number, locks: boolean): Browser {
    const machine = new Machine(this.timeline, index);
    const channel = (name: string, onDelivery: (page: SimPage, how: Delivery) => void): TabChannel =>
      new TabChannel(
        machine,
        this.weather,
        chanceOf(this.plan.options.seed, `browser/${name}/${index}`),
        (page, how) => {
          if (how !== "came") this.note("X59", index, `${name}: ${how}`);
          onDelivery(page, how);
        },
      );
    return {
      machine,
      channel: channel("news", () => undefined),
      announcements: channel("announcements", ({ name: tab }, how) => {
        if (how === "forged") return;
        const lost = how === "lost";
        this.record({ kind: "announced", atMs: this.timeline.nowMs, browser: index, tab, lost });
      }),
      lock: locks
        ? new TabLock(machine, (event) => {
            if (event === "late") this.note("X59", index, "a lock came late");
            else this.saw(event === "queued" ? "waitedForLock" : "lockFreed");
          })
        : undefined,
      announced: 0,
      announcement: "",
      apps: [],
      truth: undefined,
      handle: "",
    };
  }
}
