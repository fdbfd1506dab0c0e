import { describe, expect, it } from "vitest";
import { createScheduler, type Scheduler } from "../../src/client/scheduler.ts";
import { createSharing } from "../../src/client/sharing.ts";
import { settle, type FakePage } from "./fake-page.ts";
import { FakeProfile } from "./fake-profile.ts";
import { FakeServer } from "./fake-server.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Tab {
  readonly page: FakePage;
  readonly scheduler: Scheduler;
  readonly stop: () => void;
  /** How often what readers see changed. */
  readonly renders: () => number;
}

/** A browser of `count` tabs at one server, alice signed in, all of them open for a while. */
async function openTabs(
  count: number,
  { locks = true, lifetimeMs = HOUR_MS, chance = seeded(count) }: TabOptions = {},
): Promise<{ profile: FakeProfile; server: FakeServer; tabs: Tab[]; idleRequests: () => number }> {
  const profile = new FakeProfile(locks);
  const first = profile.open();
  const startedMs = first.monotonicMs;
  const server = new FakeServer(() => first.monotonicMs - startedMs, lifetimeMs);
  const tabs = [openTab(first, server, chance)];
  while (tabs.length < count) tabs.push(openTab(profile.open(), server, chance));
  await profile.pass(1_000);
  const mounts = server.asked.length;
  expect(server.reasons).toEqual(Array.from({ length: count }, () => "mount"));
  return { profile, server, tabs, idleRequests: () => server.asked.length - mounts };
}

interface TabOptions {
  readonly locks?: boolean;
  readonly lifetimeMs?: number;
  readonly chance?: () => number;
}

function openTab(page: FakePage, server: FakeServer, chance: () => number): Tab {
  page.random = chance;
  const scheduler = createScheduler({
    environment: page,
    fetchSession: async (reason) => {
      page.onAsk();
      page.isAsking = true;
      const answer = await server.answer(reason);
      page.isAsking = false;
      return answer;
    },
  });
  let renders = 0;
  scheduler.subscribe(() => renders++);
  const stops = [scheduler.start(), scheduler.share((peer) => createSharing(page, page.tabs!, peer))];
  return { page, scheduler, stop: () => stops.forEach((stop) => stop()), renders: () => renders };
}

/** Chance that is the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}

function names(tabs: readonly Tab[]): unknown[] {
  return tabs.map(({ scheduler }) => (scheduler.current() as { user: { name: string } } | null)?.user.name);
}

const WAYS = [
  { way: "Web Locks", locks: true },
  { way: "messages alone", locks: false },
];

describe.each(WAYS)("the tabs of one browser, by $way,", ({ locks }) => {
  it.each([1, 2, 5, 20])(
    "%i of them, send one request per lifetime, through ten (F14, I19)",
    async (count) => {
      const { profile, server, tabs, idleRequests } = await openTabs(count, { locks });
      const before = tabs.map(({ renders }) => renders());
      // Chance may take five seconds of each.
      await profile.pass(10 * server.idleMs + 55_000);

      expect(server.refreshes).toBe(10);
      expect(idleRequests()).toBe(10);
      // Nothing was drawn again, and everybody has the newest (F36).
      expect(tabs.map(({ renders }) => renders())).toEqual(before);
      expect(names(tabs)).toEqual(tabs.map(() => "alice"));
    },
  );

  it("send one request also where one was opened a moment ago, and has heard of nobody yet (I19)", async () => {
    const { profile, server, idleRequests } = await openTabs(1, { locks, chance: () => 0 });
    openTab(profile.open(), server, () => 0.01);
    await profile.pass(1_000);
    const asked = idleRequests();
    const answer = server.answer.bind(server);
    const answers: (() => void)[] = [];
    server.answer = (reason) => new Promise((give) => answers.push(() => give(answer(reason))));
    await profile.pass(server.idleMs);
    expect(answers).toHaveLength(1);
    answers[0]!();
    await profile.pass(1_000);

    expect(answers).toHaveLength(1);
    expect(idleRequests() - asked).toBe(1);
  });

  it("send one request also where the second wants to a moment before the first one does (F20)", async () => {
    const { profile, server, tabs, idleRequests } = await openTabs(1, { locks, chance: () => 0 });
    // Due 25 ms after the first, which has heard of it: its message comes while the first one still waits for the word of others, and had no word of it.
    tabs.push(openTab(profile.open(), server, () => 0.009));
    await profile.pass(1_000);
    const asked = idleRequests();
    let answers = 0;
    server.answer = () => (answers++, new Promise(() => undefined));
    await profile.pass(server.idleMs);

    expect(answers + idleRequests() - asked).toBe(1);
  });

  it("wait for others as long as they may, and then ask, whatever those say (I19, X59)", async () => {
    const { profile, server, idleRequests } = await openTabs(1, { locks });
    await profile.pass(server.idleMs - 2_000);
    for (let i = 0; i < 23_000 / 40; i++) {
      profile.post({ kind: "asking", turn: 0 });
      await profile.pass(40);
    }

    expect(idleRequests()).toBe(1);
  });

  it("send one request when all 20 wake after a night (F22, I10)", async () => {
    const { profile, tabs, idleRequests } = await openTabs(20, { locks });
    for (const { page } of tabs) page.sleep(8 * HOUR_MS);
    await Promise.all(tabs.map(({ page }) => page.wake("focus")));
    await profile.pass(20_000);

    expect(idleRequests()).toBe(1);
  });

  it("replace one that is closed while it asks, at once (F20, X55)", async () => {
    const { profile, server, tabs, idleRequests } = await openTabs(5, { locks });
    server.fault = "hang";
    await profile.pass(server.idleMs);
    while (idleRequests() === 0) await profile.pass(1_000);
    expect(idleRequests()).toBe(1);
    const asking = tabs.find(({ page }) => page.isAsking)!;
    server.fault = undefined;
    asking.stop();
    profile.close(asking.page);
    await profile.pass(locks ? 2_000 : 20_000);

    expect(idleRequests()).toBe(2);
    expect(server.refreshes).toBe(1);
  });

  it("wait for one that is frozen while it asks only as long as the token allows (F19, X56)", async () => {
    const { profile, server, tabs, idleRequests } = await openTabs(5, { locks, lifetimeMs: 12_000 });
    server.fault = "hang";
    while (idleRequests() === 0) await profile.pass(100);
    const frozen = tabs.find(({ page }) => page.isAsking)!;
    frozen.page.isFrozen = true;
    server.fault = undefined;
    await profile.pass(server.lifetimeMs - server.idleMs - 600);

    expect(server.refreshes).toBe(1);
    expect(server.expiresAtMs).toBeGreaterThan(server.nowMs());
    const asked = idleRequests();
    profile.thaw(frozen.page);
    await settle();
    expect(idleRequests() - asked).toBeLessThanOrEqual(1);
  });

  it.each([200, 1_500, 3_000])(
    "20 of them that wake after a night ask twice at most where an answer takes %i ms (F22, X57)",
    async (tookMs) => {
      const { profile, server, tabs, idleRequests } = await openTabs(20, { locks });
      const answer = server.answer.bind(server);
      const [{ page: first }] = tabs as [Tab];
      server.answer = async (reason) => {
        const answered = await answer(reason);
        return new Promise((give) => first.setTimer(() => give(answered), tookMs));
      };
      for (const { page } of tabs) page.sleep(8 * HOUR_MS);
      await Promise.all(tabs.map(({ page }) => page.wake("focus")));
      await profile.pass(20_000);

      expect(idleRequests()).toBeGreaterThanOrEqual(1);
      expect(idleRequests()).toBeLessThanOrEqual(2);
    },
  );

  it("back off together while the session route fails, and are all well after one answer (I10, F30)", async () => {
    const alone = await openTabs(1, { locks });
    const many = await openTabs(20, { locks });
    for (const { profile, server } of [alone, many]) {
      await profile.pass(server.idleMs - 1_000);
      server.fault = "500";
      await profile.pass(20 * MINUTE_MS);
    }
    // As one tab does, and a half more at most for the ones that wake together.
    expect(many.idleRequests()).toBeLessThanOrEqual(Math.ceil(alone.idleRequests() * 1.5));
    expect(names(many.tabs)).toEqual(many.tabs.map(() => "alice"));

    many.server.fault = undefined;
    const asked = many.idleRequests();
    await many.profile.pass(2 * MINUTE_MS);
    expect(many.idleRequests() - asked).toBe(1);
    expect(many.server.refreshes).toBe(1);
  });

  it("leave it to the visible ones, because hidden ones are throttled (F20)", async () => {
    const { profile, server, tabs } = await openTabs(5, { locks, chance: () => 0 });
    for (const { page } of tabs.slice(0, 4)) page.isVisible = false;
    const asked: number[] = [];
    tabs.forEach(({ page }, index) => (page.onAsk = () => asked.push(index)));
    await profile.pass(3 * server.idleMs + 10_000);

    expect(asked).toEqual([4, 4, 4]);
  });

  it("ask for themselves where messages get lost, and lose nothing (X59, I19)", async () => {
    const { profile, server, tabs, idleRequests } = await openTabs(5, { locks });
    profile.isDeaf = true;
    await profile.pass(3 * server.idleMs + 60_000);

    expect(server.refreshes).toBe(3);
    expect(idleRequests()).toBeLessThanOrEqual(15);
    expect(names(tabs)).toEqual(tabs.map(() => "alice"));
  });

  it("each get a session that changes with the token by asking once, and never in a circle", async () => {
    const { profile, server, tabs, idleRequests } = await openTabs(5, { locks });
    server.showsToken = true;
    await profile.pass(2 * server.idleMs + 60_000);

    expect(server.refreshes).toBe(2);
    expect(idleRequests()).toBeLessThanOrEqual(10);
    for (const { scheduler } of tabs) expect(scheduler.current()).toMatchObject({ accessToken: "alice-2" });
  });

  it("ask once each, and not for ever, where every answer differs from the one before", async () => {
    const { profile, server, tabs, idleRequests } = await openTabs(3, { locks });
    let answers = 0;
    const session = server.session.bind(server);
    server.session = () => ({ ...session(), answers: answers++ }) as ReturnType<typeof session>;
    await profile.pass(server.idleMs + 60_000);

    expect(server.refreshes).toBe(1);
    expect(idleRequests()).toBe(3);
    expect(names(tabs)).toEqual(tabs.map(() => "alice"));
  });

  it("wait for one that asks already when they become due (F20)", async () => {
    const { profile, server, tabs, idleRequests } = await openTabs(2, { locks });
    server.fault = "hang";
    await profile.pass(server.idleMs);
    while (idleRequests() === 0) await profile.pass(1_000);
    const other = tabs.find(({ page }) => !page.isAsking)!;
    await profile.pass(500);
    await other.page.wake("visible");
    await profile.pass(2_000);

    expect(idleRequests()).toBe(1);
  });

  it("tell each other neither a token nor anything of the user (SEC-06)", async () => {
    const { profile, server } = await openTabs(5, { locks });
    server.showsToken = true;
    await profile.pass(3 * server.idleMs);

    expect(profile.posted.length).toBeGreaterThan(5);
    for (const news of profile.posted as Record<string, unknown>[])
      for (const [name, value] of Object.entries(news))
        if (name !== "kind") expect(value).toBeTypeOf("number");
  });
});

describe("whoever follows a tab", () => {
  it("hears of its own answers and failures, and of what another tab learned (F35, F38)", async () => {
    const { profile, server, tabs } = await openTabs(1, { chance: () => 0 });
    const hidden = profile.open();
    const heard: (number | undefined)[] = [];
    const scheduler = createScheduler({
      environment: hidden,
      fetchSession: (reason) => server.answer(reason),
    });
    scheduler.share((peer) =>
      createSharing(hidden, hidden.tabs!, peer, () => heard.push(peer.latest()?.accessTokenExpires)),
    );
    scheduler.start();
    await profile.pass(1_000);
    expect(heard).toHaveLength(1);

    hidden.isVisible = false;
    await profile.pass(server.idleMs);
    expect(server.reasons).toEqual(["mount", "mount", "idle"]);
    expect(heard).toHaveLength(2);
    expect(heard[1]).toBe(Math.floor(server.expiresAtMs / 1_000));

    server.fault = "500";
    for (const { stop } of tabs) stop();
    scheduler.confirm();
    await profile.pass(100);
    expect(heard).toHaveLength(3);
  });
});

describe("what a tab was given, and did not ask for,", () => {
  it("is not told to the others as its answer", async () => {
    const { profile, server, tabs } = await openTabs(2);
    const before = profile.posted.length;
    tabs[0]!.scheduler.tell(server.session());
    await profile.pass(1_000);

    expect(profile.posted.length).toBe(before);
  });
});

describe("two browsers", () => {
  it("ask each for its own user (I8)", async () => {
    const alice = await openTabs(3);
    const bob = await openTabs(3);
    bob.server.user = "bob";
    for (const { tabs } of [bob]) tabs[0]!.scheduler.confirm();
    await bob.profile.pass(5_000);
    await Promise.all([alice.profile.pass(3 * HOUR_MS), bob.profile.pass(3 * HOUR_MS)]);

    expect(names(alice.tabs)).toEqual(["alice", "alice", "alice"]);
    expect(names(bob.tabs)[0]).toBe("bob");
  });
});

describe("a message between tabs", () => {
  const answerOf = async (profile: FakeProfile, server: FakeServer): Promise<Record<string, unknown>> => {
    await profile.pass(server.idleMs + 10_000);
    return profile.posted.findLast((news) => (news as { kind: string }).kind === "answer") as Record<
      string,
      unknown
    >;
  };

  it.each([
    null,
    undefined,
    "answer",
    7,
    [],
    {},
    { kind: "sign-out" },
    { kind: "answer" },
    { kind: "answer", atMs: "1", who: 1, view: 1, expires: 1, askInMs: 1, spareMs: 1, soon: 1 },
    { kind: "failed", atMs: Number.NaN, failures: 1 },
    { kind: "failed", atMs: 0, failures: -1 },
    { kind: "asking" },
    { kind: "toString" },
    { kind: "__proto__" },
  ])("that is none, such as %o, changes nothing (X59)", async (forged) => {
    const { profile, server, tabs, idleRequests } = await openTabs(2);
    profile.post(forged);
    await profile.pass(server.idleMs + 10_000);

    expect(idleRequests()).toBe(1);
    expect(names(tabs)).toEqual(["alice", "alice"]);
  });

  it.each([
    ["of another user", { who: 1 }],
    ["that comes late, from before a sleep", { atMs: 0 }],
    ["from the future", { atMs: Number.MAX_SAFE_INTEGER }],
    ["that is older than what is known (I13)", { expires: 1 }],
  ])("%s is ignored", async (_what, changed) => {
    const { profile, server, idleRequests } = await openTabs(2);
    const answer = await answerOf(profile, server);
    const { wallMs: atMs } = profile.pages[0]!;
    const asked = idleRequests();
    profile.post({ ...answer, atMs, askInMs: 10 * HOUR_MS, ...changed });
    await profile.pass(server.idleMs);

    expect(idleRequests() - asked).toBe(1);
  });

  it("can at most have a tab ask once more than it would", async () => {
    const { profile, server, idleRequests } = await openTabs(1);
    const answer = await answerOf(profile, server);
    const asked = idleRequests();
    const { wallMs: atMs } = profile.pages[0]!;
    for (let i = 0; i < 50; i++) profile.post({ ...answer, atMs, view: i });
    await profile.pass(100);

    expect(idleRequests() - asked).toBe(1);
  });

  it.each([Number.MAX_SAFE_INTEGER, Infinity])(
    "that is forged, and says to ask in %s ms, keeps nobody from asking for more than a day, nor do many (SEC-06)",
    async (askInMs) => {
      const { profile, server, idleRequests } = await openTabs(1);
      const answer = await answerOf(profile, server);
      const asked = idleRequests();
      const forge = (): void =>
        profile.post({ ...answer, atMs: profile.pages[0]!.wallMs, askInMs, spareMs: askInMs });
      forge();
      await profile.pass(HOUR_MS / 2);
      forge();
      forge();
      await profile.pass(24 * HOUR_MS + MINUTE_MS);

      expect(idleRequests() - asked).toBeGreaterThan(0);
    },
  );

  it("is heard by no tab that was closed", async () => {
    const { profile, tabs, server } = await openTabs(2);
    for (const { stop } of tabs) stop();
    profile.post({ kind: "failed", atMs: profile.pages[0]!.wallMs, failures: 3 });
    const asked = server.asked.length;
    await profile.pass(HOUR_MS);

    expect(server.asked).toHaveLength(asked);
    expect(tabs.map(({ page }) => page.leftovers)).toEqual([0, 0]);
  });
});

describe("a sign-in in one tab", () => {
  it("keeps a later answer of the user before from being taken over (F43, I13)", async () => {
    const { profile, server, tabs } = await openTabs(2);
    const [one, two] = tabs;
    const answer = await (async () => {
      await profile.pass(server.idleMs + 10_000);
      return profile.posted.findLast((news) => (news as { kind: string }).kind === "answer") as object;
    })();
    server.user = "bob";
    one!.scheduler.tell(server.session(), true);
    profile.post({ ...answer, atMs: profile.pages[0]!.wallMs, expires: Number.MAX_SAFE_INTEGER }, two!.page);
    await settle();

    expect(names([one!])).toEqual(["bob"]);
  });
});
