/**
 * Does what a plan's step says.
 *
 * @module
 */
import type { App } from "./app.ts";
import type { BrowserStep, Deed } from "./plan.ts";
import type { Browser, World } from "./world.ts";

/** Does the step's deed, in the step's tab or in one where it can be done; nothing where there is none. */
export function doStep(world: World, { browser: index, tab, deed }: BrowserStep): void {
  const browser = world.browsers[index % world.browsers.length] as Browser;
  const choose = (fits: (app: App) => boolean): App | undefined => {
    const fitting = browser.apps.filter(fits);
    return fitting[tab % Math.max(1, fitting.length)];
  };
  if (MACHINE_DEEDS.has(deed.do)) return doToMachine(world, browser, deed);
  if (deed.do === "open") {
    if (!browser.machine.isAsleep) world.openPage(browser);
    return;
  }
  const app = choose(FITS[deed.do] ?? (({ page }) => page.isRunning));
  if (app === undefined) return;
  // Somebody saves and leaves.
  if (deed.do === "sign_out" && tab % 2 === 1) void app.update();
  doInTab(world, browser, app, deed);
}

const MACHINE_DEEDS: ReadonlySet<Deed["do"]> = new Set([
  "nothing",
  "offline",
  "online",
  "jump",
  "sleep",
  "end_session",
  "lose_grant",
]);

const FITS: Readonly<Partial<Record<Deed["do"], (app: App) => boolean>>> = {
  close: () => true,
  crash: () => true,
  thaw: ({ page }) => page.isFrozen && !page.isCached,
  restore: ({ page }) => page.isCached,
  hide: ({ page }) => page.isRunning && page.isVisible,
  show: ({ page }) => page.isRunning && !page.isVisible,
};

function doToMachine(world: World, browser: Browser, deed: Deed): void {
  const { machine } = browser;
  if (deed.do === "offline" || deed.do === "online") {
    const isOnline = deed.do === "online";
    if (machine.isOnline === isOnline) return;
    machine.isOnline = isOnline;
    world.machine(machine, deed.do);
    if (isOnline) for (const { page } of browser.apps) page.wake("online");
    else world.note("X58", machine.index, "offline");
  } else if (deed.do === "jump") {
    machine.jump(deed.byMs);
    world.machine(machine, "jumped");
    world.note("X19", machine.index, "the wall clock was set");
  } else if (deed.do === "sleep" && !machine.isAsleep) {
    world.machine(machine, "asleep");
    machine.sleep(deed.forMs, deed.stands, () => wakeUp(world, browser));
    world.note("X57", machine.index, `${deed.forMs} ms`);
  } else if (deed.do === "end_session" || deed.do === "lose_grant") {
    world.server.end(machine.jar.handle, deed.do === "end_session" ? "revoked" : "rejected");
    world.tellTruth();
  }
}

/** Some wake-ups come as events, and some as none. */
function wakeUp(world: World, { machine, apps }: Browser): void {
  world.machine(machine, "awake");
  const isTold = world.chance.hits(0.6);
  for (const { page } of apps) {
    if (isTold && page.isVisible)
      machine.timeline.after(world.chance.between(0, 400), () => page.wake("focus"));
  }
}

function doInTab(world: World, browser: Browser, app: App, deed: Deed): void {
  const { page } = app;
  switch (deed.do) {
    case "close":
      return world.closePage(browser, app, "closed");
    case "crash":
      return world.closePage(browser, app, "crashed");
    case "freeze":
      return freeze(world, browser, app, "frozen");
    case "cache":
      return freeze(world, browser, app, "cached");
    case "thaw":
    case "restore":
      return bringBack(world, app);
    case "hide":
      page.isVisible = false;
      return world.tab(page, "hidden");
    case "show":
      page.isVisible = true;
      world.tab(page, "shown");
      return page.wake("visible");
    case "focus":
      world.tab(page, "focused");
      return page.wake("focus");
    case "sign_in":
      return void app.signIn(deed.user);
    case "sign_out":
      if (browser.apps.some((one) => one !== app && one.asking > 0)) world.saw("signOutMeanwhile");
      world.note("X61", browser.machine.index, "sign-out");
      return void app.signOut();
    case "update":
      return void app.update();
    case "open":
    case "nothing":
    case "offline":
    case "online":
    case "jump":
    case "sleep":
    case "end_session":
    case "lose_grant":
      return;
  }
}

function freeze(world: World, { machine, lock }: Browser, app: App, what: "frozen" | "cached"): void {
  const { page } = app;
  page.isFrozen = true;
  world.tab(page, what);
  world.note("X56", machine.index, what);
  if (app.asking > 0) world.saw("frozenHolder");
  if (what === "frozen") return;
  page.isCached = true;
  page.isVisible = false;
  lock?.drop(page);
}

/** Thaws a page, or restores it from the back/forward cache. */
export function bringBack(world: World, { page }: App): void {
  const { isCached } = page;
  page.isFrozen = false;
  page.isCached = false;
  if (isCached) page.isVisible = true;
  world.tab(page, isCached ? "restored" : "thawed");
  if (isCached) {
    page.wake("restored");
    page.wake("visible");
  }
  page.resume();
}
