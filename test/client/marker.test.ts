import { describe, expect, it } from "vitest";
import { createMarker, readMarker, type Marker } from "../../src/client/marker.ts";
import type { WakeReason } from "../../src/client/environment.ts";
import { createScheduler, type Scheduler } from "../../src/client/scheduler.ts";
import { createSharing, type Peer } from "../../src/client/sharing.ts";
import type { FakePage } from "./fake-page.ts";
import { FakeProfile } from "./fake-profile.ts";
import { FakeServer } from "./fake-server.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Tab {
  readonly page: FakePage;
  readonly scheduler: Scheduler;
  readonly marker: Marker;
  readonly peer: Peer;
  readonly stop: () => void;
}

/** The cookies of a browser, which its tabs hear of after a while, or never. */
class Cookies {
  value: string | undefined;
  /** When a tab hears of a change, in milliseconds. `undefined`: never, as in browsers without `cookieStore`. */
  delayMs: (() => number) | undefined = () => 1;
  /** How long after the cookie an answer is read, in milliseconds. */
  readMs = 30;
  readonly listeners = new Map<FakePage, () => void>();

  set(value: string | undefined): void {
    if (value === this.value) return;
    this.value = value;
    const { delayMs } = this;
    if (!delayMs) return;
    for (const [page, listener] of this.listeners) page.setTimer(listener, delayMs());
  }
}

interface Browser {
  readonly profile: FakeProfile;
  readonly server: FakeServer;
  readonly cookies: Cookies;
  readonly tabs: Tab[];
  /** How many requests were sent since all tabs were open. */
  readonly later: () => string[];
  /** A refresh in a server action of one of the tabs. */
  readonly refreshOnServer: () => void;
}

async function openBrowser(
  count: number,
  options: { locks?: boolean; user?: string } = {},
): Promise<Browser> {
  const profile = new FakeProfile(options.locks ?? true);
  const first = profile.open();
  const startedMs = first.monotonicMs;
  const server = new FakeServer(() => 1_700_000_000_000 + first.monotonicMs - startedMs, HOUR_MS);
  server.user = options.user ?? "alice";
  const cookies = new Cookies();
  const tabs = [openTab(first, server, cookies, count)];
  while (tabs.length < count) tabs.push(openTab(profile.open(), server, cookies, tabs.length));
  await profile.pass(5_000);
  const before = server.asked.length;
  return {
    profile,
    server,
    cookies,
    tabs,
    later: () => server.reasons.slice(before),
    refreshOnServer() {
      server.refreshes++;
      server.expiresAtMs = server.nowMs() + server.lifetimeMs;
      cookies.set(markerOf(server));
    },
  };
}

function markerOf(server: FakeServer): string {
  return String(Math.floor(server.expiresAtMs / 1_000));
}

function openTab(page: FakePage, server: FakeServer, cookies: Cookies, seed: number): Tab {
  let state = seed + 1;
  page.random = () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  const scheduler = createScheduler({
    environment: page,
    fetchSession: async (reason) => {
      const answer = await server.answer(reason);
      // The cookie is there before the answer is read.
      if (answer.kind === "session") cookies.set(markerOf(server));
      await new Promise<void>((resolve) => void page.setTimer(resolve, cookies.readMs));
      return answer;
    },
  });
  let peer!: Peer;
  const unshare = scheduler.share((given) => {
    peer = given;
    return createSharing(page, page.tabs!, given, () => marker.look());
  });
  const marker = createMarker({
    environment: page,
    jar: {
      read: () => cookies.value,
      onChange(listener) {
        cookies.listeners.set(page, listener);
        return () => cookies.listeners.delete(page);
      },
    },
    peer,
    wake: () => scheduler.wake("marker"),
  });
  const stops = [scheduler.start(), unshare, marker.stop];
  return { page, scheduler, marker, peer, stop: () => stops.forEach((stop) => stop()) };
}

function expiries(tabs: readonly Tab[]): (number | undefined)[] {
  return tabs.map(({ peer }) => peer.latest()?.accessTokenExpires);
}

describe("a refresh on the server", () => {
  it.each([1, 5, 20])("reaches each of %i tabs by one request and no poll (F35, I19)", async (count) => {
    const { profile, server, tabs, later, refreshOnServer } = await openBrowser(count);
    await profile.pass(10 * MINUTE_MS);
    refreshOnServer();
    await profile.pass(5_000);

    expect(later()).toEqual(["marker"]);
    expect(new Set(expiries(tabs))).toEqual(new Set([Math.floor(server.expiresAtMs / 1_000)]));
  });

  it("of one user is no business of another's browser (I8)", async () => {
    const alice = await openBrowser(3);
    const bob = await openBrowser(3, { user: "bob" });
    alice.refreshOnServer();
    for (const { profile } of [alice, bob]) await profile.pass(5_000);

    expect([alice.later(), bob.later()]).toEqual([["marker"], []]);
  });

  it.each<WakeReason>(["focus", "visible", "pageshow"])(
    "is found at the event %s where the browser tells nothing of cookies (F35)",
    async (reason) => {
      const { profile, server, cookies, tabs, later, refreshOnServer } = await openBrowser(2);
      cookies.delayMs = undefined;
      await profile.pass(MINUTE_MS);
      refreshOnServer();
      await profile.pass(5_000);
      expect(later()).toEqual([]);
      await tabs[0]!.page.wake(reason);
      await profile.pass(5_000);

      expect(later()).toHaveLength(1);
      expect(new Set(expiries(tabs))).toEqual(new Set([Math.floor(server.expiresAtMs / 1_000)]));
    },
  );

  it("that a server component told by a prop is asked about, and an older prop is not (F35)", async () => {
    const { profile, server, cookies, tabs, later } = await openBrowser(3);
    const old = markerOf(server);
    server.refreshes++;
    server.expiresAtMs += 10 * MINUTE_MS;
    tabs[1]!.marker.tell(markerOf(server));
    await profile.pass(5_000);
    expect(later()).toEqual(["marker"]);
    expect(cookies.value).toBe(markerOf(server));

    tabs[1]!.marker.tell(old);
    await profile.pass(5_000);
    expect(later()).toEqual(["marker"]);
    expect(tabs[1]!.marker.named()).toEqual([Number(cookies.value)]);
  });

  it("while this tab asks is asked about afterwards, if the answer did not know of it", async () => {
    const { profile, server, cookies, tabs, later, refreshOnServer } = await openBrowser(1);
    let release!: () => void;
    const session = server.session();
    const held = new Promise<void>((resolve) => (release = resolve));
    const answer = server.answer.bind(server);
    server.answer = async (reason) => {
      await answer(reason);
      await held;
      return { kind: "session", session: session! };
    };
    tabs[0]!.scheduler.confirm();
    await profile.pass(100);
    server.answer = answer;
    refreshOnServer();
    await profile.pass(3_000);
    expect(later()).toEqual(["update"]);
    const { value } = cookies;
    release();
    await profile.pass(50);
    cookies.set(value);
    await profile.pass(5_000);

    expect(later()).toEqual(["update", "marker"]);
    expect(expiries(tabs)).toEqual([Math.floor(server.expiresAtMs / 1_000)]);
  });
});

describe("the tab's own request, whose answer sets the cookie,", () => {
  const WAYS = [true, false].flatMap((locks) =>
    [1, 40, 200, 900].map((delayMs) => ({ locks, delayMs, way: locks ? "Web Locks" : "messages alone" })),
  );

  it.each(WAYS)(
    "never causes a second one in any of 5 tabs, by $way, with events $delayMs ms late (F35, F14)",
    async ({ locks, delayMs }) => {
      const { profile, server, cookies, later } = await openBrowser(5, { locks });
      cookies.delayMs = () => delayMs;
      await profile.pass(5 * server.idleMs + 30_000);

      expect(later()).toEqual(["idle", "idle", "idle", "idle", "idle"]);
    },
  );

  it("never does with events in any order either, through 20 lifetimes", async () => {
    const { profile, server, cookies, later } = await openBrowser(5);
    let state = 7;
    cookies.delayMs = () => (state = (state * 16_807) % 2_147_483_647) % 3_000;
    await profile.pass(20 * server.idleMs + 110_000);

    expect(later()).toEqual(Array.from({ length: 20 }, () => "idle"));
  });

  it("never does where a tab opens, gets a new token, and its answer is slow", async () => {
    const { profile, server, cookies, tabs, later } = await openBrowser(5);
    await profile.pass(server.lifetimeMs - server.leadMs + 10_000);
    cookies.readMs = 500;
    tabs.push(openTab(profile.open(), server, cookies, 9));
    await profile.pass(30_000);

    expect(server.refreshes).toBe(1);
    expect(later()).toEqual(["mount"]);
    expect(new Set(expiries(tabs)).size).toBe(1);
  });

  it("never does after the sign-in has ended, when the session names no token (F32)", async () => {
    const { profile, server, later } = await openBrowser(2);
    server.ended = true;
    await profile.pass(2 * server.idleMs);

    // That is told between pages in another way, so the other one asks for itself here.
    expect(later()).toEqual(["idle", "idle"]);
  });
});

describe("a cookie that names nothing new", () => {
  it.each(["", "0", "-1", "1.5", "1e9", "abc", "9".repeat(16), " 1", "1700000000; x"])(
    "such as %j is no marker",
    async (value) => {
      const { profile, cookies, later } = await openBrowser(2);
      cookies.set(value);
      await profile.pass(MINUTE_MS);

      expect(later()).toEqual([]);
    },
  );

  it("but a number is asked about once, by one tab, and never again", async () => {
    const { profile, cookies, tabs, later } = await openBrowser(5);
    const answered = cookies.value;
    cookies.set("7");
    await profile.pass(5_000);
    expect(later()).toEqual(["marker"]);
    // The answer set it right, as a server does.
    expect(cookies.value).toBe(answered);

    cookies.set("7");
    await Promise.all(tabs.map(({ page }) => page.wake("focus")));
    await profile.pass(MINUTE_MS);
    expect(later()).toEqual(["marker"]);
  });

  it("and changes as fast as a script can costs one request in two seconds", async () => {
    const { profile, cookies, later } = await openBrowser(1);
    for (let i = 1; i <= 6_000; i++) {
      cookies.set(String(i));
      await profile.pass(10);
    }

    expect(later().length).toBeGreaterThan(5);
    expect(later().length).toBeLessThanOrEqual(31);
  });

  it("because it is older than the session that came with the page is not asked about", async () => {
    const { server, cookies, profile } = await openBrowser(1);
    const page = profile.open();
    cookies.value = String(Number(markerOf(server)) - 3_600);
    const session = server.session();
    let woken = 0;
    const marker = createMarker({
      environment: page,
      jar: { read: () => cookies.value, onChange: () => () => undefined },
      peer: { latest: () => session, state: () => undefined },
      wake: () => woken++,
    });
    await profile.pass(10_000);
    expect(woken).toBe(0);

    cookies.value = String(Number(markerOf(server)) - 1_800);
    marker.look();
    await profile.pass(10_000);
    expect(woken).toBe(1);
  });

  it("but is newer than the session that came with the page is asked about (F35)", async () => {
    const { server, profile } = await openBrowser(1);
    const page = profile.open();
    const session = server.session();
    let woken = 0;
    createMarker({
      environment: page,
      jar: { read: () => String(Number(markerOf(server)) + 600), onChange: () => () => undefined },
      peer: { latest: () => session, state: () => undefined },
      wake: () => woken++,
    });
    await profile.pass(2_000);

    expect(woken).toBe(1);
  });

  it("is asked about once while nobody is signed in, unless it is that of who was: somebody may be (F35)", async () => {
    const { profile, server, cookies, tabs, later } = await openBrowser(1);
    server.user = null;
    tabs[0]!.scheduler.confirm();
    await profile.pass(MINUTE_MS);
    expect(cookies.value).toBe(markerOf(server));
    expect(later()).toEqual(["update"]);

    cookies.set("1800000000");
    await profile.pass(MINUTE_MS);
    await tabs[0]!.page.wake("focus");
    await profile.pass(MINUTE_MS);
    expect(later()).toEqual(["update", "marker"]);
  });
});

describe("a marker that is gone", () => {
  it.each([1, 5])("has each of %i tabs find a sign-out on the server by one request (F35)", async (count) => {
    const { profile, server, cookies, tabs, later } = await openBrowser(count);
    server.user = null;
    cookies.set(undefined);
    await profile.pass(MINUTE_MS);

    expect(tabs.map(({ scheduler }) => scheduler.current())).toEqual(tabs.map(() => null));
    expect(later()).toEqual(tabs.map(() => "marker"));
  });

  it("is asked about by one tab for all where somebody is signed in all the same", async () => {
    const { profile, cookies, later } = await openBrowser(5);
    cookies.set(undefined);
    await profile.pass(MINUTE_MS);
    expect(later()).toEqual(["marker"]);
    expect(cookies.value).toBeDefined();
  });

  it("while this tab asks is asked about afterwards, if the answer did not know of it", async () => {
    const { profile, server, cookies, tabs, later } = await openBrowser(1);
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    const session = server.session()!;
    const answer = server.answer.bind(server);
    server.answer = async (reason) => {
      await answer(reason);
      await held;
      cookies.value = undefined;
      return { kind: "session", session };
    };
    const set = cookies.set.bind(cookies);
    cookies.set = () => undefined;
    tabs[0]!.scheduler.confirm();
    await profile.pass(100);
    server.answer = answer;
    server.user = null;
    set(undefined);
    await profile.pass(3_000);
    expect(later()).toEqual(["update"]);
    release();
    await profile.pass(5_000);
    expect(later()).toEqual(["update", "marker"]);
    expect(tabs[0]!.scheduler.current()).toBeNull();
  });
});

describe("a tab that shows nobody, beside another app of the origin that renews its token (I10)", () => {
  it("asks about three values, and again when somebody comes back to it", async () => {
    const { cookies, tabs, profile, server, later } = await openBrowser(1);
    server.user = null;
    tabs[0]!.scheduler.confirm();
    await profile.pass(5_000);
    expect(tabs[0]!.scheduler.current()).toBeNull();
    const before = later().length;
    const asked = (): string[] => later().slice(before);
    let expires = 2_000_000_000;
    const renewals = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        cookies.set(String((expires += 60)));
        await profile.pass(MINUTE_MS);
      }
    };
    await renewals(60);
    expect(asked()).toEqual(["marker", "marker", "marker"]);

    void tabs[0]!.page.wake("focus");
    server.user = "bob";
    await renewals(1);
    expect(tabs[0]!.scheduler.current()).toMatchObject({ user: { name: "bob" } });
  });
});

describe("a marker", () => {
  it("that is stopped leaves nothing behind", async () => {
    const { cookies, tabs, profile } = await openBrowser(2);
    cookies.set("7");
    for (const { stop } of tabs) stop();
    await profile.pass(MINUTE_MS);

    expect(tabs.map(({ page }) => page.leftovers)).toEqual([0, 0]);
    expect(cookies.listeners.size).toBe(0);
  });

  it("is read as whole seconds", () => {
    expect(readMarker("1700000000")).toBe(1_700_000_000);
    expect(readMarker(undefined)).toBeUndefined();
  });
});
