/**
 * The callers of a run: each deed becomes a call of the engine's public surface in some process, and both the call and how
 * it came back go into the history.
 *
 * @module
 */
import { isTokenError, ReauthenticationRequiredError } from "../src/core/errors.ts";
import type { IssuedToken, TokenAsk } from "../src/core/obtain-token.ts";
import { tokenSetFrom } from "../src/core/token-set.ts";
import { targetKeyOf } from "../src/core/token-target.ts";
import type { GrantView } from "../src/core/view-grant.ts";
import { CLIENT_ID, ISSUER, withIdToken } from "./http-answers.ts";
import type { Door, SettledRecord } from "./history.ts";
import type { Life, Server } from "./server.ts";
import type { Deed } from "./steps.ts";
import type { Slot, World } from "./world.ts";

const MAX_WAIT_MS = 5_000;

type Outcome = Pick<SettledRecord, "result" | "accessToken" | "version" | "expiresAtMs" | "reason" | "text">;

/** Makes calls. */
export class Callers {
  readonly #world: World;
  #calls = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Does a deed through one server. Nobody waits for it. */
  do(server: Server, slot: Slot, deed: Deed): void {
    const { life } = server;
    const { grant } = slot;
    if (!life.process.alive) return;
    if (grant === undefined || (deed.do === "sign_in" && this.#isOver(grant))) return this.signIn(life, slot);
    switch (deed.do) {
      case "get":
        this.#get(life, grant, askOf(deed), undefined, deed.leaves);
        return;
      case "sign_in":
        this.#get(life, grant, {});
        return;
      case "call_api":
        this.#get(life, grant, {}, (accessToken) => this.#callApi(life, grant, accessToken));
        return;
      case "spurious_401":
        this.#get(life, grant, {}, (accessToken) => this.#renew(life, grant, accessToken));
        return;
      case "view":
        this.view(life, grant, deed.wait);
        return;
      case "sign_out":
        this.signOut(life, grant);
        return;
      case "sign_out_user":
        this.#signOutUser(life, slot);
        return;
    }
  }

  /** Asks as an idle tab, or a page, does. */
  view(life: Life, grant: string, wait: boolean): void {
    this.#call(life, grant, "view", wait ? MAX_WAIT_MS : 0, {}, async () =>
      viewOutcome(await life.manager.view(grant, { wait, withAccessToken: true })),
    );
  }

  signOut(life: Life, grant: string): void {
    this.#call(life, grant, "end", 0, {}, async () => ({
      result: String(await life.manager.endGrant(grant, "signed_out", { revoke: true })),
    }));
  }

  /** Begins a new session in a browser, with a new chain. */
  signIn(life: Life, slot: Slot): void {
    const { as } = this.#world;
    const { id, user, family } = this.#world.newGrant(slot);
    const requestedAtMs = life.process.nowMs();
    const response = withIdToken(as.signIn(family, user), user, this.#world.timeline);
    const tokenSet = tokenSetFrom(response, { requestedAtMs });
    if (tokenSet === undefined) throw new Error("The sign-in brought no token");
    this.#call(life, id, "save", 0, {}, async () => ({
      result: String(
        await life.manager.saveGrant({
          id,
          sessionRef: `session-${id}`,
          subjectRef: `subject-${user}`,
          sidRef: null,
          provider: "simulated",
          issuer: ISSUER,
          clientId: CLIENT_ID,
          tokenSet,
        }),
      ),
    }));
  }

  #isOver(grant: string): boolean {
    const row = this.#world.store.rows.get(grant);
    return row === undefined || row.state === "ended";
  }

  #get(life: Life, grant: string, ask: TokenAsk, then?: (accessToken: string) => void, leaves?: true): void {
    this.#call(life, grant, "get", ask.maxWaitMs ?? MAX_WAIT_MS, ask, async () => {
      const asked = life.manager.getAccessToken(grant, ask);
      if (leaves === true)
        asked.catch(() => {
          if (life.shared.flights.has(grant)) this.#world.noteLeaver(grant);
        });
      const issued = await asked;
      if (then !== undefined)
        this.#world.timeline.after(20, () => life.process.pass(() => then(issued.accessToken)));
      return tokenOutcome(issued);
    });
  }

  #callApi(life: Life, grant: string, accessToken: string): void {
    if (!this.#world.as.isGood(accessToken)) this.#renew(life, grant, accessToken);
  }

  #renew(life: Life, grant: string, accessToken: string): void {
    this.#call(life, grant, "renew", MAX_WAIT_MS, {}, async () => {
      const issued = await life.manager.renewRejected(grant, accessToken);
      return issued === undefined ? { result: "none" } : tokenOutcome(issued);
    });
  }

  #signOutUser(life: Life, slot: Slot): void {
    const grant = slot.grant ?? "";
    this.#call(life, grant, "end_all", 0, {}, async () => ({
      result: String(
        await life.manager.endGrants({ subjectRef: `subject-${this.#world.userOf(slot.index)}` }, "revoked", {
          revoke: true,
        }),
      ),
    }));
  }

  #call(
    life: Life,
    grant: string,
    door: Door,
    maxWaitMs: number,
    { minValidityMs, target, mayRefresh }: TokenAsk,
    run: () => Promise<Outcome>,
  ): void {
    const { process } = life;
    process.pass(() => {
      const call = ++this.#calls;
      const wanted = targetKeyOf(target);
      const { history, timeline } = this.#world;
      const about = { call, grant, door, process: process.name };
      history.add({
        kind: "call",
        atMs: timeline.nowMs,
        ...about,
        maxWaitMs,
        lostMs: process.lostMs,
        ...(minValidityMs !== undefined && { minValidityMs }),
        ...(wanted !== undefined && { target: wanted }),
        ...(mayRefresh === false && { prefetch: true }),
      });
      const settle = (outcome: Outcome): void => {
        if (!process.alive) return;
        history.add({
          kind: "settled",
          atMs: timeline.nowMs,
          processNowMs: process.nowMs(),
          lostMs: process.lostMs,
          ...about,
          ...outcome,
          ...(outcome.accessToken !== undefined && { good: this.#world.as.isGood(outcome.accessToken) }),
          pendingHere: life.shared.pendingRotations.has(grant),
        });
      };
      run().then(settle, (error: unknown) => settle(errorOutcome(error)));
    });
  }
}

function askOf(deed: Extract<Deed, { do: "get" }>): TokenAsk {
  const { minValidityMs, maxWaitMs, prefetch, audience, scope } = deed;
  return {
    ...(minValidityMs !== undefined && { minValidityMs }),
    ...(maxWaitMs !== undefined && { maxWaitMs }),
    ...(prefetch === true && { mayRefresh: false }),
    ...(audience !== undefined && { target: { audience, ...(scope !== undefined && { scope }) } }),
  };
}

function tokenOutcome({ accessToken, version, expiresAtMs }: IssuedToken): Outcome {
  return { result: "token", accessToken, version, ...(expiresAtMs !== undefined && { expiresAtMs }) };
}

function viewOutcome(view: GrantView): Outcome {
  if (view.status === "ended") return { result: "view", reason: view.reason };
  return {
    result: "view",
    ...(view.accessToken !== undefined && { accessToken: view.accessToken }),
    ...(view.expiresAtMs !== undefined && { expiresAtMs: view.expiresAtMs }),
  };
}

function errorOutcome(error: unknown): Outcome {
  const text =
    error instanceof Error
      ? `${error.message} ${error.cause instanceof Error ? error.cause.message : ""}`
      : String(error);
  if (!isTokenError(error)) return { result: "threw", text };
  return {
    result: error.code,
    text,
    ...(error instanceof ReauthenticationRequiredError && { reason: error.reason }),
  };
}
