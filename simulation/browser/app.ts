/**
 * What runs in one page: the client under test, unchanged, and around it what `nolapse/react` and NextAuth's own functions
 * do: `signIn` loads the page anew, `signOut` and a change of user are announced by NextAuth's message, and whoever hears
 * that has NextAuth fetch the session and hands it over.
 *
 * @module
 */
import { browserFetchSession } from "../../src/client/browser.ts";
import { readSession } from "../../src/client/fetch-session.ts";
import { overtakenSince } from "../../src/client/overtaken.ts";
import { createScheduler, type Scheduler } from "../../src/client/scheduler.ts";
import { checksum, personOf, type ClientSession } from "../../src/client/session.ts";
import { createSharing, type Peer } from "../../src/client/sharing.ts";
import { followSignOut, type SignOutMessage } from "../../src/client/sign-out-message.ts";
import { spaced } from "../../src/client/spaced.ts";
import type { TookRecord } from "./history.ts";
import type { SimPage } from "./page.ts";
import { seenOf } from "./seen.ts";
import type { Browser, World } from "./world.ts";

/** What NextAuth's message begins with where somebody signed out. */
const SIGN_OUT = "signout";

/** The client in one page. */
export class App {
  readonly page: SimPage;
  readonly #world: World;
  readonly #browser: Browser;
  readonly #scheduler: Scheduler;
  #how: TookRecord["how"] = "answer";
  #stops: (() => void)[] = [];
  /** What it took last. */
  #answer: ClientSession | null = null;
  /** What had been announced last when it took that. */
  #announcedBefore = 0;
  /** Requests of the client that have not been answered. */
  asking = 0;
  readonly #announceUser: () => void;
  readonly #stopAnnouncing: () => void;
  readonly #signOutMessage: SignOutMessage;

  constructor(world: World, browser: Browser, page: SimPage) {
    this.#world = world;
    this.#browser = browser;
    this.page = page;
    [this.#announceUser, this.#stopAnnouncing] = spaced(page, () => this.#announceIfNews());
    this.#signOutMessage = followSignOut(() =>
      browser.announcement.startsWith(SIGN_OUT) ? browser.announcement : undefined,
    );
    const fetchSession = browserFetchSession(() => world.callFrom(this));
    this.#scheduler = createScheduler({
      environment: page,
      fetchSession,
      onAnswer: (session) => this.#took(session),
    });
  }

  start(): void {
    const scheduler = this.#scheduler;
    if (this.#world.plan.options.strict) {
      scheduler.start()();
      this.#world.note("X60", this.#browser.machine.index, "started twice");
    }
    scheduler.subscribe(() => {
      const seen = seenOf(scheduler.current());
      this.#world.record({ kind: "shows", ...this.#at(), seen });
    });
    this.#stops = [
      scheduler.start(),
      scheduler.share((peer) =>
        createSharing(
          this.page,
          {
            post: (news) => {
              this.#world.record({ kind: "post", ...this.#at(), news });
              this.#browser.channel.post(this.page, news);
            },
            onPost: (listener) => this.#browser.channel.join(this.page, listener),
            lock: this.#browser.lock?.of(this.page),
          },
          this.#watched(peer),
        ),
      ),
      this.#browser.announcements.join(this.page, () => void this.#nextAuthAsks()),
      this.#stopAnnouncing,
    ];
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** As `signIn`, which ends with a page that is loaded anew. */
  async signIn(user: string): Promise<void> {
    const answer = await this.#world.network
      .send(this.page, { by: "app", action: "callback", reason: "sign-in", user })
      .catch(() => undefined);
    if (answer?.ok === true) this.#world.reload(this.#browser, this);
  }

  /** As `signOut({ redirect: false })`. */
  async signOut(): Promise<void> {
    const answer = await this.#world.network
      .send(this.page, { by: "app", action: "signout", reason: "sign-out" })
      .catch(() => undefined);
    // As in NextAuth, which reads the answer before it says anything. What it says after a refusal, an own request puts right.
    const isOut = answer?.ok === true && (await answer.json().catch(() => undefined)) !== undefined;
    if (!isOut) return;
    this.#announce(`${SIGN_OUT} ${Math.floor(this.#browser.machine.wallMs / 1_000)}`);
    await this.#nextAuthAsks();
  }

  /** As `update(data)`. */
  async update(): Promise<void> {
    if (this.#scheduler.current() == null) return;
    const overtakenBy = overtakenSince(this.#scheduler.peer);
    const answer = await this.#world.network
      .send(this.page, { by: "app", action: "update", reason: "update" })
      .then(readSession)
      .catch(() => undefined);
    if (answer === undefined) return;
    const by = answer.kind === "session" ? overtakenBy(answer.session) : undefined;
    if (answer.kind === "session" && by !== "user") this.#announceSession();
    if (answer.kind === "session" && by !== "user" && by !== "view")
      this.#as("told", () => this.#scheduler.tell(answer.session, !by));
    else if (answer.kind === "session" || answer.kind === "signed_out") this.#scheduler.confirm();
  }

  /** NextAuth's `getSession`, for which every failure is a sign-out: it is believed to be one if somebody has said so. */
  async #nextAuthAsks(): Promise<void> {
    const answer = await this.#world.network
      .send(this.page, { by: "next-auth", action: "session", reason: "announced" })
      .then(readSession)
      .catch(() => undefined);
    const session = answer?.kind === "session" ? answer.session : null;
    const isSaid = !session && this.#signOutMessage.isNew();
    this.#as(isSaid ? "said" : "told", () => this.#scheduler.tell(session, isSaid));
  }

  #as(how: TookRecord["how"], tell: () => void): void {
    this.#how = how;
    tell();
    this.#how = "answer";
  }

  #took(session: ClientSession | null): void {
    const { network } = this.#world;
    this.#world.record({
      kind: "took",
      ...this.#at(),
      how: this.#how,
      request: network.delivered.get(this.page) ?? 0,
      seen: seenOf(session),
      expires: session?.accessTokenExpires ?? 0,
      isFresh: session?.tokenState?.status === "fresh",
    });
    this.#answer = session;
    this.#announcedBefore = this.#browser.announced;
    this.#announceUser();
    if (session) this.#signOutMessage.settle();
  }

  /** As `announceUser` of `nolapse/react`. */
  #announceIfNews(): void {
    const session = this.#answer;
    if (this.#browser.announced !== this.#announcedBefore) return;
    const ended = session?.tokenState?.status === "reauthentication_required";
    const mark = session ? checksum(personOf(session) + (ended ? " ended" : "")) : 0;
    if (this.#browser.announced === mark) return;
    this.#browser.announced = mark;
    this.#announceSession(session ? undefined : SIGN_OUT);
  }

  /** As `announceSession` of `nolapse/react`, whose time is more precise than NextAuth's. */
  #announceSession(trigger = "getSession"): void {
    this.#announce(`${trigger} ${this.#browser.machine.wallMs}`);
  }

  /** Through `localStorage`: the same value again is no event. NextAuth's own has the second in it. */
  #announce(message: string): void {
    if (this.#browser.announcement === message) {
      for (const { page } of this.#browser.apps)
        if (page !== this.page)
          this.#world.record({ kind: "announced", ...this.#at(), tab: page.name, lost: true });
      return;
    }
    this.#browser.announcement = message;
    this.#browser.announcements.post(this.page, "session");
  }

  #watched(peer: Peer): Peer {
    return {
      ...peer,
      adopt: (next, expires) => {
        const knew = peer.latest()?.accessTokenExpires ?? 0;
        if (expires > 0) this.#world.record({ kind: "adopted", ...this.#at(), expires, knew });
        // A failure of another tab, or an answer that says to come back soon: this one pauses, too.
        if (expires === 0 || next.soon > 0)
          this.#world.record({ kind: "hindered", ...this.#at(), untilMs: this.#world.timeline.nowMs });
        peer.adopt(next, expires);
      },
    };
  }

  #at(): { readonly atMs: number; readonly browser: number; readonly tab: string } {
    return {
      atMs: this.#world.timeline.nowMs,
      browser: this.#browser.machine.index,
      tab: this.page.name,
    };
  }
}
