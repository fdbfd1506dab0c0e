/**
 * What a history says so far about each tab and each browser: the common part of all rules that know of time.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import type { BrowserRecord, Seen } from "../history.ts";

/** One tab, as far as it is known. */
export interface TabSeen {
  readonly name: string;
  readonly browser: BrowserSeen;
  isVisible: boolean;
  isFrozen: boolean;
  /** When it was opened, or last ran again. */
  sinceMs: number;
  /** When the last thing that hinders it is over. */
  hinderedUntilMs: number;
  shows: Seen | undefined;
  /**
   * The end of the token that it knows, in epoch milliseconds; 0 where it knows of none. Time that both of its clocks have
   * missed since the answer was asked for, such as a sleep during which somebody set the clock back, is added: no page can
   * know of it.
   */
  knowsUntilMs: number;
  /** What the machine's clocks had missed when that was asked for. */
  missedMs: Missed;
  /** The request whose answer it took over last. */
  tookRequest: number;
  /** When NextAuth's message came last. */
  announcedAtMs: number;
  /** Whether it has sent a request since it last took over an answer: it may be under way, or may have failed. */
  isAsking: boolean;
  /** Whether such a message was lost since it last took over an answer. */
  hasMissed: boolean;
}

/** One browser, as far as it is known. */
export interface BrowserSeen {
  readonly index: number;
  isAsleep: boolean;
  isOnline: boolean;
  /** When it last woke up, or came online. */
  sinceMs: number;
  /** When the last thing that hinders any of its tabs is over. */
  hinderedUntilMs: number;
  truth: Seen | undefined;
  truthAtMs: number;
  /** What its clocks have missed since the start. */
  missedMs: Missed;
  /** By the end of a token, in epoch seconds: what they had missed when the last answer that told of it was asked for. */
  readonly missedBeforeMs: Map<number, Missed>;
  /** By the same: what they had missed when a tab last told the others of it. */
  readonly toldBeforeMs: Map<number, Missed>;
}

/** How much less time the wall clock and the monotonic clock have counted than went by, since the start. */
type Missed = readonly [wall: number, monotonic: number];

/** Folds records. */
export class TabsSeen {
  readonly tabs = new Map<string, TabSeen>();
  readonly #browsers = new Map<number, BrowserSeen>();
  /** By request: when the server answered. */
  readonly #answeredAtMs = new Map<number, number>();
  /** By request: what the browser's clocks had missed when it was sent. */
  readonly #missedMs = new Map<number, Missed>();

  see(record: BrowserRecord): void {
    const { atMs } = record;
    const browser = this.browser(record.browser);
    const tab = "tab" in record ? this.#tab(record.tab, browser, record) : undefined;
    if (record.kind === "ask") this.#missedMs.set(record.request, browser.missedMs);
    if (record.kind === "answered") this.#answeredAtMs.set(record.request, atMs);
    if (record.kind === "machine") this.#machine(browser, record);
    if (record.kind === "post") told(browser, record.news);
    if (record.kind === "truth") {
      browser.truthAtMs = atMs;
      browser.truth = record.seen;
    }
    if (tab === undefined) return;
    if (record.kind === "hindered") {
      tab.hinderedUntilMs = Math.max(tab.hinderedUntilMs, record.untilMs);
      browser.hinderedUntilMs = Math.max(browser.hinderedUntilMs, record.untilMs);
    }
    if (record.kind === "ask" && record.by === "client") tab.isAsking = true;
    if (record.kind === "adopted") {
      learned(tab, record.expires, browser.missedBeforeMs.get(record.expires));
      tab.knowsUntilMs += missedOnTheWayMs(browser, record.expires);
    }
    if (record.kind === "shows") tab.shows = record.seen;
    if (record.kind === "announced") {
      if (record.lost) tab.hasMissed = true;
      else tab.announcedAtMs = atMs;
    }
    if (record.kind === "took") {
      // Of an answer that NextAuth or the application handed over, no tab knows how old it is.
      if (record.how === "told") {
        learned(tab, record.expires);
        tab.knowsUntilMs += atMs - (this.#answeredAtMs.get(record.request) ?? atMs);
      }
      if (record.how === "answer") {
        const missedMs = this.#missedMs.get(record.request) ?? browser.missedMs;
        browser.missedBeforeMs.set(record.expires, missedMs);
        learned(tab, record.expires, missedMs);
        tab.tookRequest = record.request;
        tab.hasMissed = false;
      }
      // It was told to come again after a while.
      if (!record.isFresh) {
        tab.hinderedUntilMs = Math.max(tab.hinderedUntilMs, atMs);
        browser.hinderedUntilMs = Math.max(browser.hinderedUntilMs, atMs);
      }
    }
  }

  browser(index: number): BrowserSeen {
    let browser = this.#browsers.get(index);
    if (browser === undefined) {
      browser = {
        index,
        isAsleep: false,
        isOnline: true,
        sinceMs: 0,
        hinderedUntilMs: 0,
        truth: undefined,
        truthAtMs: 0,
        missedMs: [0, 0],
        missedBeforeMs: new Map(),
        toldBeforeMs: new Map(),
      };
      this.#browsers.set(index, browser);
    }
    return browser;
  }

  /** The tabs that run, online and awake. */
  running(): readonly TabSeen[] {
    return [...this.tabs.values()].filter(
      ({ isFrozen, browser }) => !isFrozen && !browser.isAsleep && browser.isOnline,
    );
  }

  #machine(
    browser: BrowserSeen,
    { what, atMs, missedMs }: Extract<BrowserRecord, { kind: "machine" }>,
  ): void {
    browser.missedMs = missedMs;
    for (const tab of this.tabs.values()) if (tab.browser === browser) addMissed(tab);
    if (what === "asleep" || what === "awake") browser.isAsleep = what === "asleep";
    if (what === "offline" || what === "online") browser.isOnline = what === "online";
    browser.sinceMs = atMs;
    if (what === "awake" || what === "online") this.#pauses(browser, atMs);
  }

  /** What was under way before is too old, and a failure is followed by a pause, which counts from now. */
  #pauses(browser: BrowserSeen, atMs: number): void {
    const isPausing = [...this.tabs.values()].some((tab) => tab.browser === browser && tab.isAsking);
    if (isPausing) browser.hinderedUntilMs = Math.max(browser.hinderedUntilMs, atMs);
  }

  #tab(name: string, browser: BrowserSeen, record: BrowserRecord): TabSeen | undefined {
    const what = record.kind === "tab" ? record.what : undefined;
    if (what === "opened") {
      const { atMs: sinceMs } = record;
      this.tabs.set(name, {
        name,
        browser,
        isVisible: true,
        isFrozen: false,
        sinceMs,
        hinderedUntilMs: 0,
        shows: undefined,
        knowsUntilMs: 0,
        missedMs: browser.missedMs,
        tookRequest: 0,
        announcedAtMs: 0,
        isAsking: false,
        hasMissed: false,
      });
    }
    const tab = this.tabs.get(name);
    if (tab === undefined || what === undefined) return tab;
    if (what === "closed" || what === "crashed") this.tabs.delete(name);
    if (what === "hidden" || what === "cached") tab.isVisible = false;
    if (what === "shown" || what === "restored") tab.isVisible = true;
    if (what === "frozen" || what === "cached") tab.isFrozen = true;
    if (what === "thawed" || what === "restored") {
      tab.isFrozen = false;
      this.#pauses(browser, record.atMs);
    }
    tab.sinceMs = record.atMs;
    return tab;
  }
}

/** Since when nothing has hindered a tab, in epoch milliseconds. */
export function calmSinceMs({ sinceMs, hinderedUntilMs, browser }: TabSeen): number {
  return Math.max(sinceMs, hinderedUntilMs, browser.sinceMs);
}

function learned(tab: TabSeen, expires: number, missedMs: Missed = tab.browser.missedMs): void {
  tab.knowsUntilMs = expires * 1_000;
  tab.missedMs = missedMs;
  tab.isAsking = false;
  addMissed(tab);
}

function told({ toldBeforeMs, missedMs }: BrowserSeen, news: unknown): void {
  const { kind, expires } = Object(news) as Readonly<Record<string, unknown>>;
  if (kind === "answer" && typeof expires === "number") toldBeforeMs.set(expires, missedMs);
}

/**
 * What the wall clock alone has missed since a tab told of that token. Tabs tell each other the time by that clock: of a
 * message that waited for its tab meanwhile none can know how old it is.
 */
function missedOnTheWayMs({ toldBeforeMs, missedMs }: BrowserSeen, expires: number): number {
  const before = toldBeforeMs.get(expires) ?? missedMs;
  return Math.max(0, missedMs[0] - before[0] - (missedMs[1] - before[1]));
}

/** What both clocks have missed since a tab learned of its token. */
function addMissed(tab: TabSeen): void {
  const [wall, monotonic] = tab.browser.missedMs;
  const bothMs = Math.min(wall - tab.missedMs[0], monotonic - tab.missedMs[1]);
  if (bothMs <= 0) return;
  tab.knowsUntilMs += bothMs;
  tab.missedMs = [tab.missedMs[0] + bothMs, tab.missedMs[1] + bothMs];
}

/**
 * A rule that judges each tab that runs by what is known of it: after each step, or once when all has come to rest.
 *
 * @param problemOf What is wrong with a tab at that moment, or nothing.
 * @param alsoSee What is wrong with the record itself, or nothing.
 */
export function judgeEachTab(
  name: string,
  when: "step" | "rest",
  problemOf: (tab: TabSeen, nowMs: number) => string | undefined,
  alsoSee: (record: BrowserRecord) => string | undefined = () => undefined,
): Checker<BrowserRecord> {
  const all = new TabsSeen();
  return {
    name,
    see(record) {
      all.see(record);
      return alsoSee(record);
    },
    [when](nowMs: number) {
      for (const tab of all.running()) {
        const problem = problemOf(tab, nowMs);
        if (problem !== undefined) return problem;
      }
      return undefined;
    },
  };
}
