/**
 * The way from one process to the authorization server: what happens to a request and to its answer, and which class of
 * outcome the process sees (docs/outcomes.md).
 *
 * @module
 */
import type { RefreshOutcome, RefreshRequest } from "../src/core/refresher.ts";
import { tokenSetFrom, type TokenEndpointResponse } from "../src/core/token-set.ts";
import { targetKeyOf } from "../src/core/token-target.ts";
import type { Judgement } from "./as-model.ts";
import { lossOf } from "./as-faults.ts";
import type { AsLinkWorld } from "./as-port.ts";
import type { Chance } from "./chance.ts";
import type { AsFault, HookAction, Phase } from "./fault-types.ts";
import type { About, Answered } from "./http-answers.ts";
import type { Line } from "./http-refresher.ts";
import type { SimProcess } from "./process.ts";
import type { Place } from "./weather.ts";

interface Attempt {
  readonly request: RefreshRequest;
  readonly refreshToken: string;
  readonly grant: string;
  readonly place: Place;
  readonly requestedAtMs: number;
  /** The same, in true time. */
  readonly askedAtMs: number;
  readonly resolve: (answered: Answered) => void;
  settled: boolean;
  /** Whether it has left the process. */
  left: boolean;
  fault: AsFault | undefined;
}

const RESET_MS = 20;
const NOT_SENT_IN_TIME: RefreshOutcome = { kind: "not_sent", code: "timeout" };
const SILENT: RefreshOutcome = { kind: "unknown", code: "timeout", answered: false };
/** The share of requests whose answer is waited for even after the engine gave it up for good, as some HTTP stacks do. */
const DEAF_SHARE = 0.2;

/** One process's way. */
export class AsLink implements Line {
  readonly #world: AsLinkWorld;
  readonly #process: SimProcess;
  readonly #chance: Chance;

  constructor(world: AsLinkWorld, process: SimProcess, chance: Chance) {
    this.#world = world;
    this.#process = process;
    this.#chance = chance;
  }

  about(refreshToken: string): About {
    return { user: this.#world.userOfToken(refreshToken), nowMs: this.#world.timeline.nowMs };
  }

  ask(request: RefreshRequest): Promise<Answered> {
    return new Promise((resolve) => {
      const { refreshToken = "" } = request.tokenSet;
      const grant = this.#world.grantOfToken(refreshToken);
      const place = { server: this.#process.server, slot: this.#world.slotOf(grant) };
      const requestedAtMs = this.#process.nowMs();
      const attempt: Attempt = {
        request,
        refreshToken,
        grant,
        place,
        requestedAtMs,
        askedAtMs: this.#world.timeline.nowMs,
        resolve,
        settled: false,
        left: false,
        fault: undefined,
      };
      // With the real refresher it is the engine alone that decides how long it listens.
      const deaf = !this.#world.overHttp && this.#chance.hits(DEAF_SHARE);
      request.signal.addEventListener("abort", () => {
        if (attempt.settled || deaf) return;
        const atMs = this.#world.timeline.nowMs;
        this.#world.history.add({
          kind: "aborted",
          atMs,
          process: this.#process.name,
          attemptId: request.attemptId,
          grant,
          lastedMs: atMs - attempt.askedAtMs,
        });
        this.#deliver(attempt, SILENT);
      });
      request.sendBy?.addEventListener("abort", () => {
        if (attempt.settled || attempt.left) return;
        // Whoever has called `fetch` cannot tell that nothing has left.
        this.#deliver(attempt, this.#world.overHttp ? SILENT : NOT_SENT_IN_TIME);
      });
      this.#at("call", attempt, () => this.#process.pass(() => this.#leave(attempt)));
    });
  }

  revoke({
    tokenSet: { refreshToken = "" },
  }: Pick<RefreshRequest, "tokenSet">): Promise<"revoked" | "failed"> {
    return new Promise((resolve) => {
      const { timeline, weather, history, as } = this.#world;
      const grant = this.#world.grantOfToken(refreshToken);
      const place = { server: this.#process.server, slot: this.#world.slotOf(grant) };
      const action = weather.spring("revoke/call", place);
      if (action?.do === "crash") return this.#world.crash(this.#process, action.restartMs);
      this.#process.pass(() => {
        timeline.after(this.#latencyMs(place), () => {
          const done = weather.at("as_link", place) === undefined;
          if (done) as.end(as.familyOf(refreshToken)?.id ?? "", "signed_out");
          history.add({
            kind: "revoke",
            atMs: timeline.nowMs,
            process: this.#process.name,
            grant,
            refreshToken,
            done,
          });
          this.#process.pass(() => resolve(done ? "revoked" : "failed"));
        });
      });
    });
  }

  #at(phase: Phase, attempt: Attempt, next: () => void): void {
    const action = this.#world.weather.spring(`refresh/${phase}`, attempt.place);
    if (action === undefined) return next();
    this.#suffer(action, phase, attempt, next);
  }

  #suffer(action: HookAction, phase: Phase, attempt: Attempt, next: () => void): void {
    const { timeline } = this.#world;
    switch (action.do) {
      case "crash":
        this.#world.crash(this.#process, action.restartMs);
        if (phase !== "call") next();
        return;
      case "crash_sending":
        this.#note(attempt);
        return this.#world.crash(this.#process, action.restartMs);
      case "pause":
        this.#process.pause(action.ms);
        return next();
      case "delay":
        timeline.after(action.ms, next);
        return;
      case "pause_and_delay":
        this.#note(attempt);
        this.#process.pause(action.pauseMs);
        timeline.after(action.delayMs, () => this.#arrive(attempt));
        return;
      case "lose":
        if (phase === "call") this.#note(attempt);
        return this.#lose(attempt, action.seen);
      case "duplicate":
        this.#world.noteFault("X40", "delivered twice", attempt.place, attempt.grant);
        timeline.after(action.ms, () => this.#judge(attempt, true));
        return next();
      case "answer":
        attempt.fault = action.answer;
        return next();
    }
  }

  #note(attempt: Attempt): void {
    const { grant, request, refreshToken } = attempt;
    attempt.left = true;
    this.#world.sent(this.#process, grant, request.attemptId, refreshToken);
  }

  #leave(attempt: Attempt): void {
    const { weather, timeline } = this.#world;
    if (attempt.request.sendBy?.aborted === true) return;
    const cut = weather.at("as_link", attempt.place);
    if (cut?.seen === "refused") {
      timeline.after(RESET_MS, () =>
        this.#deliver(attempt, { kind: "not_sent", code: "connection_refused" }),
      );
      return;
    }
    this.#note(attempt);
    if (cut !== undefined && cut.mode !== "answers") return this.#lose(attempt, cut.seen);
    timeline.after(this.#latencyMs(attempt.place), () =>
      this.#at("arrive", attempt, () => this.#arrive(attempt)),
    );
  }

  #arrive(attempt: Attempt): void {
    const { weather, as } = this.#world;
    const storm =
      attempt.fault === undefined
        ? weather.at("as_answers", attempt.place, ({ share }) => this.#chance.hits(share))
        : undefined;
    if (storm !== undefined) attempt.fault = storm.answer;
    const { fault } = attempt;
    const loss = fault === undefined ? undefined : lossOf(fault, this.#chance);
    if (fault === "revoked_first") {
      as.end(as.familyOf(attempt.refreshToken)?.id ?? "", "revoked");
      this.#world.noteFault("X51", "revoked in mid-flight", attempt.place, attempt.grant);
    }
    if (loss?.before === true) return this.#answer(attempt, loss.outcome);
    const judgement = this.#judge(attempt);
    this.#at("applied", attempt, () =>
      loss === undefined || (judgement.issued === undefined && loss.outcome?.kind === "committed_bad")
        ? this.#answer(attempt, this.#outcomeOf(attempt, judgement), judgement.issued?.response)
        : this.#answer(attempt, loss.outcome, judgement.issued?.response),
    );
  }

  #judge(attempt: Attempt, duplicate = false): Judgement {
    const { as, history, timeline, weather } = this.#world;
    const { refreshToken, grant, request } = attempt;
    const { asClass, graceMs } = as;
    const odd = as.issuesFor(refreshToken)
      ? weather.at("as_odd", attempt.place, ({ share }) => this.#chance.hits(share))
      : undefined;
    const judgement =
      attempt.fault === "error_consumes"
        ? as.consume(refreshToken)
        : as.judge(refreshToken, {
            odd: odd?.odd,
            target: targetKeyOf(request.target),
          });
    const { verdict, issued } = judgement;
    history.add({
      kind: "judged",
      atMs: timeline.nowMs,
      grant,
      attemptId: request.attemptId,
      refreshToken,
      verdict,
      askedAtMs: attempt.askedAtMs,
      asClass,
      graceMs,
      ...(duplicate && { duplicate }),
      ...(issued !== undefined && {
        issued: { refreshToken: issued.refreshToken, accessToken: issued.accessToken },
      }),
    });
    return judgement;
  }

  #outcomeOf({ request, requestedAtMs }: Attempt, { issued }: Judgement): RefreshOutcome {
    if (issued === undefined) return { kind: "rejected", code: "invalid_grant" };
    const tokenSet = tokenSetFrom(issued.response, { requestedAtMs, previous: request.tokenSet });
    if (tokenSet === undefined) return { kind: "committed_bad", code: "no_access_token" };
    return { kind: "committed", tokenSet };
  }

  /** Sends the answer on its way; `undefined` is the answer that never comes. */
  #answer(attempt: Attempt, outcome: RefreshOutcome | undefined, response?: TokenEndpointResponse): void {
    const { weather, timeline } = this.#world;
    const cut = weather.at("as_link", attempt.place);
    if (outcome === undefined) return;
    if (cut !== undefined && cut.mode !== "requests") return this.#lose(attempt, cut.seen);
    timeline.after(this.#latencyMs(attempt.place), () => this.#deliver(attempt, outcome, response));
  }

  #lose(attempt: Attempt, seen: "reset" | "hang" | "refused"): void {
    if (seen === "hang") return;
    const outcome = { kind: "unknown", code: "reset", answered: false } as const;
    this.#world.timeline.after(RESET_MS, () => this.#deliver(attempt, outcome));
  }

  #deliver(attempt: Attempt, outcome: RefreshOutcome, response?: TokenEndpointResponse): void {
    this.#at("answer", attempt, () =>
      this.#process.pass(() => {
        const { grant, request, refreshToken, requestedAtMs } = attempt;
        const tokens = outcome.kind === "committed" ? outcome.tokenSet : undefined;
        if (attempt.settled) return;
        attempt.settled = true;
        this.#world.history.add({
          kind: "answer",
          atMs: this.#world.timeline.nowMs,
          process: this.#process.name,
          grant,
          attemptId: request.attemptId,
          sent: refreshToken,
          requestedAtMs,
          outcome: outcome.kind,
          code: outcome.kind === "committed" ? "ok" : outcome.code,
          ...(outcome.kind === "unknown" && { answered: outcome.answered === true }),
          ...(tokens?.refreshToken !== undefined && { refreshToken: tokens.refreshToken }),
          ...(tokens !== undefined && { accessToken: tokens.accessToken }),
        });
        attempt.resolve({ outcome, ...(response !== undefined && { response }) });
      }),
    );
  }

  #latencyMs(place: Place): number {
    const slow = this.#world.weather.at("as_slow", place);
    return (this.#world.asLatencyMs + (slow?.upToMs ?? 0)) * this.#chance.next() * 0.5;
  }
}
