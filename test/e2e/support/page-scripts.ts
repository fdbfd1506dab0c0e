/**
 * Scripts that run in a page before its own: clocks that are wrong or jump, a page that is hidden, and a record of the
 * event streams it opens. Each is sent to the browser as text, so it may use nothing from outside itself.
 */
import type { Page } from "playwright-core";

interface Sleep {
  wallMs: number;
  monotonicMs: number;
  asleep: boolean;
  held: (() => void)[];
}

type TestWindow = typeof globalThis & {
  testSleep: Sleep;
  testHidden: boolean;
  testStreams: EventSource[];
  testMessages: string[];
  testSeen: string[];
  testCommits: number;
  testScrolls: number;
};

/** The page's clock is off by so many milliseconds. The monotonic clock is not. */
export function shiftClock(offsetMs: number): void {
  const RealDate = Date;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: unknown[]) =>
      Reflect.construct(target, args.length === 0 ? [target.now() + offsetMs] : args) as Date,
    apply: (target) => new target(target.now() + offsetMs).toString(),
    get: (target, key) => {
      if (key === "now") return () => target.now() + offsetMs;
      return Reflect.get(target, key) as unknown;
    },
  });
}

/** Lets {@link fallAsleep} and {@link wakeUp} stop the page's timers and move its clocks, and {@link hide} hide it. */
export function canSleep(): void {
  const page = globalThis as TestWindow;
  const sleep: Sleep = (page.testSleep = { wallMs: 0, monotonicMs: 0, asleep: false, held: [] });
  page.testHidden = false;
  const dateNow = Date.now.bind(Date);
  const performanceNow = performance.now.bind(performance);
  const timeout = setTimeout.bind(globalThis);
  Date.now = () => dateNow() + sleep.wallMs;
  performance.now = () => performanceNow() + sleep.monotonicMs;
  const late = (run: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]): unknown =>
    timeout(() => {
      if (sleep.asleep) sleep.held.push(() => run(...args));
      else run(...args);
    }, delayMs);
  globalThis.setTimeout = late as typeof setTimeout;
  Object.defineProperty(document, "visibilityState", {
    configurable: true,
    get: () => (page.testHidden ? "hidden" : "visible"),
  });
  Object.defineProperty(document, "hidden", { configurable: true, get: () => page.testHidden });
}

/** Stops the timers of a page that {@link canSleep}. */
export function fallAsleep(tab: Page): Promise<void> {
  return tab.evaluate(() => {
    (globalThis as TestWindow).testSleep.asleep = true;
  });
}

/** Moves the clocks on, lets late timers run, and then tells the page by these events that it woke. */
export function wakeUp(
  tab: Page,
  jump: { readonly wallMs: number; readonly monotonicMs: number; readonly events: readonly string[] },
): Promise<void> {
  return tab.evaluate(({ wallMs, monotonicMs, events }) => {
    const { testSleep: sleep } = globalThis as TestWindow;
    sleep.asleep = false;
    sleep.wallMs += wallMs;
    sleep.monotonicMs += monotonicMs;
    for (const run of sleep.held.splice(0)) run();
    for (const name of events) {
      (name === "visibilitychange" ? document : globalThis).dispatchEvent(new Event(name));
    }
  }, jump);
}

/** Hides a page that {@link canSleep}, or shows it again. */
export function hide(tab: Page, hidden: boolean): Promise<void> {
  return tab.evaluate((value) => {
    (globalThis as TestWindow).testHidden = value;
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

/**
 * Counts how often React changed the page, by the hook that React's own devtools use: also in a production build it tells it of
 * each commit, whether or not that changed an element.
 */
export function countCommits(): void {
  const page = globalThis as TestWindow;
  page.testCommits = 0;
  Object.assign(page, {
    __REACT_DEVTOOLS_GLOBAL_HOOK__: {
      supportsFiber: true,
      isDisabled: false,
      checkDCE: () => undefined,
      inject: () => 1,
      onCommitFiberRoot: () => (page.testCommits += 1),
      onCommitFiberUnmount: () => undefined,
    },
  });
}

/** How often React changed a page that {@link countCommits}. */
export function commits(tab: Page): Promise<number> {
  return tab.evaluate(() => (globalThis as TestWindow).testCommits);
}

/** Scrolls the page down by so many pixels, and counts from now on how often anything on it scrolls. */
export function scrollDown(tab: Page, byPx: number): Promise<void> {
  return tab.evaluate(async (px) => {
    const page = globalThis as TestWindow;
    window.scrollTo({ top: px, behavior: "instant" });
    await new Promise((resolve) => setTimeout(resolve, 300));
    page.testScrolls = 0;
    document.addEventListener("scroll", () => (page.testScrolls += 1), { capture: true });
  }, byPx);
}

/** How far the page is scrolled down, and how often anything scrolled since {@link scrollDown}. */
export function scrolled(tab: Page): Promise<{ readonly topPx: number; readonly times: number }> {
  return tab.evaluate(() => ({ topPx: window.scrollY, times: (globalThis as TestWindow).testScrolls }));
}

/** {@link canSleep}, and keeps every event stream that the page opens and what comes in. */
export function recordStreams(): void {
  const page = globalThis as TestWindow;
  page.testStreams = [];
  page.testMessages = [];
  globalThis.EventSource = class extends EventSource {
    constructor(url: string | URL, init?: EventSourceInit) {
      super(url, init);
      page.testStreams.push(this);
      this.addEventListener("message", (event: MessageEvent<string>) => page.testMessages.push(event.data));
    }
  };
}

/** How many event streams a page opened, and how many of them are not closed. */
export function streams(tab: Page): Promise<{ readonly opened: number; readonly open: number }> {
  return tab.evaluate(() => {
    const { testStreams } = globalThis as TestWindow;
    return {
      opened: testStreams.length,
      open: testStreams.filter(({ readyState }) => readyState !== EventSource.CLOSED).length,
    };
  });
}

/** What came in over event streams. */
export function streamMessages(tab: Page): Promise<readonly string[]> {
  return tab.evaluate(() => (globalThis as TestWindow).testMessages);
}

/** Once the page has come to rest, notes when an element with one of these test ids is there, and counts changes to the document. */
export async function watchFor(tab: Page, testIds: readonly string[]): Promise<void> {
  await tab.waitForTimeout(1_000);
  await tab.evaluate((ids) => {
    const page = globalThis as TestWindow;
    page.testSeen = [];
    new MutationObserver((changes) => {
      for (const { target, type, attributeName } of changes) {
        const where =
          target instanceof Element ? target.cloneNode(false) : target.parentElement?.cloneNode(false);
        page.testSeen.push(
          `changed ${attributeName ?? type} of ${(where as Element | undefined)?.outerHTML ?? "?"}`,
        );
      }
      for (const id of ids) {
        if (document.querySelector(`[data-testid="${id}"]`)) page.testSeen.push(`seen ${id}`);
      }
    }).observe(document.documentElement, {
      subtree: true,
      childList: true,
      attributes: true,
      characterData: true,
    });
  }, testIds);
}

/** What {@link watchFor} noted: `seen` elements, and `changed` nodes. */
export function watched(tab: Page): Promise<readonly string[]> {
  return tab.evaluate(() => [...new Set((globalThis as TestWindow).testSeen)]);
}

/** From now on notes, for the next page to tell, that this one offered to sign in: a page that is on its way answers nothing. */
export function noteSignIn(): void {
  new MutationObserver(() => {
    if (document.querySelector('[data-testid="sign-in"]')) sessionStorage.setItem("test-sign-in", "seen");
  }).observe(document.documentElement, { subtree: true, childList: true });
}

/** What {@link noteSignIn} noted, or `null`. */
export const notedSignIn = (): string | null => sessionStorage.getItem("test-sign-in");
