import { describe, expect, it } from "vitest";
import type { SessionAnswer } from "../../src/client/fetch-session.ts";
import { createScheduler, type Scheduler } from "../../src/client/scheduler.ts";
import type { ClientSession } from "../../src/client/session.ts";
import { FakePage, settle } from "./fake-page.ts";
import { FakeServer } from "./fake-server.ts";

interface SlowTab {
  readonly page: FakePage;
  readonly server: FakeServer;
  readonly scheduler: Scheduler;
  readonly answers: ((answer: SessionAnswer) => void)[];
  readonly user: () => string | null | undefined;
}

function nameOf(session: ClientSession | null | undefined): string | null | undefined {
  return session ? (session.user as { name: string }).name : session;
}

describe("an older answer", () => {
  /** A tab whose answers come when the test says so. */
  async function slowTab(): Promise<SlowTab> {
    const page = new FakePage();
    const server = new FakeServer(() => page.monotonicMs);
    const answers: ((answer: SessionAnswer) => void)[] = [];
    const scheduler = createScheduler({
      environment: page,
      session: server.session(),
      fetchSession: () => new Promise((resolve) => answers.push(resolve)),
    });
    scheduler.start();
    await settle();
    return { page, server, scheduler, answers, user: () => nameOf(scheduler.current()) };
  }

  it("never overwrites a user who signed in meanwhile (F43)", async () => {
    const { page, server, scheduler, answers, user } = await slowTab();
    await page.wake("visible");
    const alice = server.session()!;

    server.user = "bob";
    scheduler.tell(server.session());
    answers[0]!({ kind: "session", session: alice });
    await settle();
    expect(user()).toBe("bob");

    answers[1]!({ kind: "session", session: server.session()! });
    await page.pass(1_000);
    expect(user()).toBe("bob");
    expect(answers).toHaveLength(2);
  });

  it("gives way to a second question in two seconds, which is sent also where nobody is there (F29)", async () => {
    const { page, server, scheduler, answers, user } = await slowTab();
    scheduler.configure({ idleLimitMs: 10_000 });
    await page.pass(20_000);
    const { length } = answers;
    scheduler.confirm();
    await page.pass(500);
    scheduler.confirm();
    answers.at(-1)!({ kind: "session", session: server.session()! });
    await page.pass(1_400);
    expect(answers).toHaveLength(length + 1);

    await page.pass(200);
    expect(answers).toHaveLength(length + 2);
    answers.at(-1)!({ kind: "signed_out" });
    await page.pass(60_000);
    expect(user()).toBeNull();
    expect(answers).toHaveLength(length + 2);
  });

  it("that says nothing new drops no request under way, however often it comes (I13)", async () => {
    const { page, server, scheduler, answers } = await slowTab();
    const known = server.session()!;
    await page.pass(server.idleMs);
    expect(answers).toHaveLength(1);
    for (let i = 0; i < 3; i++) {
      scheduler.tell({ ...known });
      await page.pass(1_000);
    }
    expect(answers).toHaveLength(1);

    const renewed = server.session()!;
    answers[0]!({ kind: "session", session: renewed });
    await page.pass(1_000);
    expect(scheduler.peer.latest()).toBe(renewed);
    expect(answers).toHaveLength(1);
  });

  it.each([{ role: "admin" }, { accessTokenExpires: 4_000_000_000 }])(
    "that says something new, such as %o, drops the request that was sent before it (I13)",
    async (news) => {
      const { page, server, scheduler, answers } = await slowTab();
      const known = server.session()!;
      await page.wake("visible");
      const newer = { ...known, ...news };
      scheduler.tell(newer);
      answers[0]!({ kind: "session", session: known });
      await settle();

      expect(scheduler.peer.latest()).toBe(newer);
    },
  );

  it("of the same user is not shown, and an own request decides", async () => {
    const { page, server, scheduler, answers } = await slowTab();
    const old = server.session()!;
    await page.pass(server.idleMs);
    const renewed = server.session()!;
    answers[0]!({ kind: "session", session: { ...renewed, role: "new" } as ClientSession });
    await settle();
    const shown = scheduler.current();

    scheduler.tell({ ...old, role: "old" } as ClientSession);
    expect(scheduler.current()).toBe(shown);
    expect(answers).toHaveLength(2);
  });

  it("does not bring a user back who signed out: an own request decides (F18)", async () => {
    const { server, scheduler, answers, page, user } = await slowTab();
    const alice = server.session()!;
    await page.wake("visible");
    answers[0]!({ kind: "signed_out" });
    await settle();
    expect(user()).toBeNull();

    scheduler.tell(alice);
    answers[1]!({ kind: "signed_out" });
    await settle();
    expect(user()).toBeNull();
  });

  it("does not bring a user back who has just signed out where somebody set the clock forward, or the machine slept (F43)", async () => {
    const { page, server, scheduler, answers, user } = await slowTab();
    const alice = server.session()!;
    await page.wake("visible");
    answers[0]!({ kind: "signed_out" });
    await settle();

    page.sleep(3_600_000);
    scheduler.tell(alice);
    expect(user()).toBeNull();
    expect(answers).toHaveLength(2);
  });

  it.each(["to sign in again", "that all is well"])(
    "that says %s, and may be of before somebody signed in again, has an own request decide (I13)",
    async (what) => {
      const { server, scheduler, answers } = await slowTab();
      const fresh = server.session()!;
      const ended: ClientSession = {
        user: fresh.user,
        tokenState: { status: "reauthentication_required", reason: "rejected" },
      };
      const [known, older] = what === "to sign in again" ? [fresh, ended] : [ended, fresh];
      scheduler.tell(known, true);

      scheduler.tell(older);
      expect(answers).toHaveLength(1);
      answers[0]!({ kind: "session", session: known });
      await settle();
      expect(scheduler.current()).toEqual(known);
    },
  );

  it("of update() that names a token of before is not shown, and an own request decides (I13)", async () => {
    const { page, server, scheduler, answers } = await slowTab();
    const old = server.session()!;
    await page.pass(server.idleMs);
    const renewed = server.session()!;
    answers[0]!({ kind: "session", session: renewed });
    await settle();

    scheduler.tell(old, true);
    expect(scheduler.peer.latest()).toBe(renewed);
    expect(answers).toHaveLength(2);
  });
});
