/**
 * The simulated world of one run: time, the store, the authorization server, the servers, and who is signed in where.
 *
 * @module
 */
import { grantRefOf } from "../src/core/grant.ts";
import { AuthorizationServer } from "./as-model.ts";
import { chanceOf } from "./chance.ts";
import type { Fault, FaultId } from "./fault-types.ts";
import { History, type StoreRecord } from "./history.ts";
import type { Plan } from "./plan.ts";
import type { SimProcess } from "./process.ts";
import { startLife, toldPolicy, type Server } from "./server.ts";
import { StoreNode } from "./store-node.ts";
import { START_MS, Timeline } from "./timeline.ts";
import { SealingTruth } from "./truth-sealer.ts";
import { Weather, type Place } from "./weather.ts";

/** One browser, in which somebody may be signed in. */
export interface Slot {
  readonly index: number;
  /** The grant of its session; a new one with each sign-in. */
  grant: string | undefined;
  signIns: number;
}

/** What is known of a grant beside its row. */
export interface GrantTruth {
  readonly id: string;
  readonly slot: number;
  readonly user: string;
  readonly family: string;
}

/** In one run of so many the values are encrypted for real: it costs a third of the time. */
const REAL_SEALING_EACH = 5;

/** Clocks that differ by less than this are together, in milliseconds. */
const APART_MS = 50;

/** The world. */
export class World {
  readonly plan: Plan;
  readonly timeline: Timeline = new Timeline();
  readonly history: History = new History();
  readonly store: StoreNode;
  readonly as: AuthorizationServer;
  readonly weather: Weather;
  readonly sealing: SealingTruth;
  readonly servers: Server[] = [];
  readonly slots: Slot[] = [];
  readonly grants = new Map<string, GrantTruth>();
  readonly injected = new Map<FaultId, number>();
  readonly ambiguousWrites = { applied: 0, lost: 0 };
  readonly latencyMs: number;
  readonly asLatencyMs: number;
  /** Whether answers come over HTTP, to the real refresher. */
  readonly overHttp: boolean;
  /** Set once faults have stopped: what crashes then would be no fault any more. */
  healed = false;
  readonly #byRef = new Map<string, string>();
  readonly #byFamily = new Map<string, string>();
  readonly #lastOffsetMs = new Map<string, number>();
  readonly #hits = new Set<Fault>();

  constructor(plan: Plan) {
    const { options } = plan;
    this.plan = plan;
    this.latencyMs = options.storeLatencyMs;
    this.asLatencyMs = options.asLatencyMs;
    this.overHttp = options.overHttp;
    this.store = new StoreNode(this.timeline, this.history, (record) => this.#noteLoss(record));
    this.as = new AuthorizationServer(() => this.timeline.nowMs, {
      ...options,
      lifetimeMs: options.accessLifetimeMs,
    });
    this.weather = new Weather((fault, place) => this.hit(fault, place));
    const real = options.seed % REAL_SEALING_EACH === 0 || options.profile === "keys";
    this.sealing = new SealingTruth(chanceOf(options.seed, "sealing"), real);
    const clocks = chanceOf(options.seed, "clocks");
    for (let index = 0; index < options.servers; index++) {
      const offsetMs = clocks.between(-options.skewMs, options.skewMs);
      const clock = { offsetMs, driftPpm: 0, driftSinceMs: START_MS };
      const ring = options.profile === "keys" ? "old" : "both";
      const bare = { index, clock, ring, build: 0, lives: 0 } as const;
      const server = { ...bare } as unknown as Server;
      server.life = startLife(this, server);
      this.servers.push(server);
    }
    for (let index = 0; index < options.grants; index++) {
      this.slots.push({ index, grant: undefined, signIns: 0 });
    }
  }

  userOf(slot: number): string {
    return `u${slot % this.plan.options.users}`;
  }

  /** Names a new grant of a browser. */
  newGrant(slot: Slot): GrantTruth {
    const number = ++slot.signIns;
    const family = `f${slot.index}x${number}`;
    const id = `key1.${family}${"g".repeat(Math.max(0, 12 - family.length))}-${"0123456789abcdef".repeat(2)}`;
    const truth: GrantTruth = { id, slot: slot.index, user: this.userOf(slot.index), family };
    this.grants.set(id, truth);
    this.#byRef.set(grantRefOf(id), id);
    this.#byFamily.set(family, id);
    slot.grant = id;
    return truth;
  }

  grantOfRef(grantRef: string): string {
    return this.#byRef.get(grantRef) ?? "";
  }

  grantOfToken(token: string): string {
    return this.#byFamily.get(this.as.familyOf(token)?.id ?? "") ?? "";
  }

  userOfToken(token: string): string {
    return this.as.familyOf(token)?.user ?? "";
  }

  slotOf(grant: string): number | null {
    return this.grants.get(grant)?.slot ?? null;
  }

  otherThan(grant: string): string | undefined {
    return [...this.store.rows.keys()].find((id) => id !== grant);
  }

  /** Counts a fault that had an effect, and writes its first effect down. */
  hit(fault: Fault, place?: Place): void {
    if (this.#hits.has(fault)) return;
    this.#hits.add(fault);
    this.noteFault(fault.id, fault.effect.type, place);
  }

  noteFault(id: FaultId, what: string, place?: Place, grant?: string): void {
    this.injected.set(id, (this.injected.get(id) ?? 0) + 1);
    const at = grant ?? (place?.slot == null ? undefined : this.slots[place.slot]?.grant);
    this.history.add({
      kind: "fault",
      atMs: this.timeline.nowMs,
      id,
      what,
      ...(place !== undefined && { process: this.servers[place.server]?.life.process.name ?? "" }),
      ...(at !== undefined && { grant: at }),
    });
  }

  /** X53: a caller has gone, and the refresh that it waited for goes on. */
  noteLeaver(grant: string): void {
    if (!this.injected.has("X53")) this.noteFault("X53", "a caller left its refresh", undefined, grant);
  }

  ambiguous(applied: boolean): void {
    this.ambiguousWrites[applied ? "applied" : "lost"]++;
  }

  sent(process: SimProcess, grant: string, attemptId: string, refreshToken: string): void {
    this.#noteSkew(process, grant);
    const life = this.servers[process.server]?.life;
    const row = this.store.rows.get(grant);
    this.history.add({
      kind: "send",
      atMs: this.timeline.nowMs,
      process: process.name,
      grant,
      attemptId,
      refreshToken,
      processNowMs: process.nowMs(),
      storeNowMs: this.store.nowMs(),
      policy: row === undefined ? { class: "strict", graceMs: 0 } : toldPolicy(this)(row),
      pendingHere: life?.process === process && life.shared.pendingRotations.has(grant),
    });
  }

  /** X20: one grant is refreshed by turns by servers whose clocks are apart. */
  #noteSkew({ server }: SimProcess, grant: string): void {
    const offsetMs = this.servers[server]?.clock.offsetMs ?? 0;
    const lastMs = this.#lastOffsetMs.get(grant) ?? offsetMs;
    this.#lastOffsetMs.set(grant, offsetMs);
    if (Math.abs(offsetMs - lastMs) < APART_MS || this.injected.has("X20")) return;
    this.noteFault("X20", "clocks apart");
  }

  /** Writes down, when the engine ends a grant, what the authorization server would say at this moment. */
  #noteLoss({ before, after, grant }: StoreRecord): void {
    const how = after?.state === "ended" ? after.endReason : null;
    if (before?.state !== "live" || (how !== "rejected" && how !== "lost_response")) return;
    const sealed = [before.sealedTokenSet, ...before.candidates.map((one) => one.sealedTokenSet)];
    const row = sealed.flatMap((value) => this.sealing.reveal(value)?.tokenSet.refreshToken ?? []);
    const good = row.filter((token) => this.as.accepts(token));
    const ended = this.as.families.get(this.grants.get(grant)?.family ?? "")?.ended;
    this.history.add({
      kind: "lost",
      atMs: this.timeline.nowMs,
      grant,
      how,
      version: before.version,
      row,
      good,
      ended,
    });
  }

  /** Lets a process die at once; its server starts a new one later. */
  crash(process: SimProcess, restartMs: number, what: "crash" | "stop" = "crash"): void {
    if (!process.alive) return;
    process.crash();
    this.history.add({ kind: "process", atMs: this.timeline.nowMs, process: process.name, what });
    const server = this.servers[process.server];
    if (server === undefined || !Number.isFinite(restartMs)) return;
    this.timeline.after(restartMs, () => this.restart(server));
  }

  /** Starts a server's next process if none lives. */
  restart(server: Server): void {
    if (!server.life.process.alive) server.life = startLife(this, server);
  }

  /** True milliseconds since the run began. */
  get elapsedMs(): number {
    return this.timeline.nowMs - START_MS;
  }
}
