/**
 * What happened in a run, as the checkers see it: one flat list of records, in the order of true time.
 *
 * @module
 */
import type { TokenEvent } from "../src/core/events.ts";
import type { EndReason, GrantRecord } from "../src/core/grant.ts";
import type { RefreshOutcomeKind } from "../src/core/refresher.ts";
import type { RotationPolicy } from "../src/core/rotation.ts";
import type { SealSlot } from "../src/core/sealer.ts";
import { hashText } from "./chance.ts";
import type { AsClass, FaultId, Operation } from "./fault-types.ts";

interface At {
  /** True time, in epoch milliseconds. */
  readonly atMs: number;
}

/** A server process: one life of one server, between start and crash. */
export interface AtProcess extends At {
  readonly process: string;
}

/** Something that the store did with one row. */
export interface StoreRecord extends AtProcess {
  readonly kind: "store";
  readonly operation: Operation | "admin";
  readonly grant: string;
  readonly storeNowMs: number;
  /** What was answered: a status, `true`, `false`, `none`, `found`. */
  readonly answer: string;
  readonly fence?: number;
  readonly expectedVersion?: number;
  readonly attemptId?: string;
  /** When its process sent it. @defaultValue when it was done */
  readonly sentAtMs?: number;
  readonly before: GrantRecord | undefined;
  readonly after: GrantRecord | undefined;
}

/** A refresh request that left its process. */
export interface SendRecord extends AtProcess {
  readonly kind: "send";
  readonly grant: string;
  readonly attemptId: string;
  readonly refreshToken: string;
  /** The clock of the sender. */
  readonly processNowMs: number;
  readonly storeNowMs: number;
  /** What the engine was told about the server. */
  readonly policy: RotationPolicy;
  /** True: the process keeps a newer rotation of that grant in memory that the store has not taken. */
  readonly pendingHere: boolean;
}

/** What the authorization server decided about a request, and truly did. */
export interface JudgedRecord extends At {
  readonly kind: "judged";
  readonly grant: string;
  readonly attemptId: string;
  readonly refreshToken: string;
  readonly verdict: "rotated" | "same" | "again" | "refused" | "alarm" | "consumed" | "untouched";
  readonly issued?: { readonly refreshToken: string; readonly accessToken: string };
  /** When the engine handed the request over, in true time. @defaultValue when it was judged */
  readonly askedAtMs?: number;
  /** The network delivered a request a second time, and this is it. */
  readonly duplicate?: true;
  /** How the server rotated at that moment. */
  readonly asClass?: AsClass;
  readonly graceMs?: number;
}

/** The engine has ended a grant by itself: the truth at that moment, straight from the authorization server. */
export interface LostRecord extends At {
  readonly kind: "lost";
  readonly grant: string;
  readonly how: EndReason;
  /** The version of the row that was ended. */
  readonly version: number;
  /** The refresh tokens in its row, current and candidates, and those of them that would still bring new tokens. */
  readonly row: readonly string[];
  readonly good: readonly string[];
  /** Why nothing of the chain is accepted there any more, if that is so. */
  readonly ended: "alarm" | "revoked" | "signed_out" | undefined;
}

/** An outcome that reached a live process. */
export interface AnswerRecord extends AtProcess {
  readonly kind: "answer";
  readonly grant: string;
  readonly attemptId: string;
  readonly sent: string;
  /** When the request was handed over, by the clock of its process: what a lifetime counts from. */
  readonly requestedAtMs?: number;
  readonly outcome: RefreshOutcomeKind;
  readonly code: string;
  readonly answered?: boolean;
  readonly refreshToken?: string;
  readonly accessToken?: string;
}

/** The way in which a caller asks. */
export type Door = "save" | "get" | "view" | "renew" | "end" | "end_all";

/** A caller's call. */
export interface CallRecord extends AtProcess {
  readonly kind: "call";
  readonly call: number;
  readonly grant: string;
  readonly door: Door;
  readonly maxWaitMs: number;
  readonly minValidityMs?: number;
  /** The caller takes what there is, and starts no refresh. */
  readonly prefetch?: true;
  /** One name for what the token is to be for; absent: what the sign-in asked for. */
  readonly target?: string;
  /** True milliseconds that the process has stood still, or its timers were late, in all so far. */
  readonly lostMs: number;
}

/** How a call came back. */
export interface SettledRecord extends AtProcess {
  readonly kind: "settled";
  readonly call: number;
  readonly grant: string;
  readonly door: Door;
  readonly processNowMs: number;
  /** As in the call. */
  readonly lostMs: number;
  /** `token`, `view`, `none`, `true`, `false`, or the code of an error; `threw` for any other. */
  readonly result: string;
  readonly accessToken?: string;
  /** What a resource server says about that token at this moment. */
  readonly good?: boolean;
  readonly version?: number;
  readonly expiresAtMs?: number;
  /** Of a `reauthentication_required`, or of a view that says `ended`. */
  readonly reason?: string;
  /** The text of an error. */
  readonly text?: string;
  /** True: the process keeps a rotation of that grant in memory that the store has not taken. */
  readonly pendingHere?: boolean;
}

/** What a fault did, when it did it. `costs`: which grant it makes impossible to keep, if its class is strict. */
export interface FaultRecord extends At {
  readonly kind: "fault";
  readonly id: FaultId;
  readonly what: string;
  readonly process?: string;
  readonly grant?: string;
}

/** Everything that can be in a history. */
export type SimRecord =
  | StoreRecord
  | SendRecord
  | JudgedRecord
  | LostRecord
  | AnswerRecord
  | CallRecord
  | SettledRecord
  | FaultRecord
  /** A request was given up, so long after it had begun: its signal was aborted by the engine. */
  | (AtProcess & {
      readonly kind: "aborted";
      readonly attemptId: string;
      readonly grant: string;
      readonly lastedMs: number;
    })
  /** What the real refresher made of an answer, and what it meant. */
  | (AtProcess & {
      readonly kind: "classified";
      readonly grant: string;
      readonly attemptId: string;
      readonly meant: RefreshOutcomeKind;
      readonly got: RefreshOutcomeKind;
      readonly code: string;
    })
  /** A revocation that reached the authorization server (`done`), or did not. */
  | (AtProcess & {
      readonly kind: "revoke";
      readonly grant: string;
      readonly refreshToken: string;
      readonly done: boolean;
    })
  | (AtProcess & { readonly kind: "event"; readonly grant: string; readonly event: TokenEvent })
  /** A sealed value was opened in a slot. `sealedFor` is where it belongs. */
  | (AtProcess & {
      readonly kind: "opened";
      readonly slot: SealSlot;
      readonly sealedFor: SealSlot | undefined;
    })
  | (AtProcess & {
      readonly kind: "process";
      /** With `timer_lost` it is no use any more: its host will kill it. */
      readonly what: "start" | "crash" | "stop" | "pause" | "resume" | "timer_lost";
      readonly untilMs?: number;
    })
  /** Faults have stopped (those that stop), the run has come to rest, a healthy process has swept the store since. */
  | (At & { readonly kind: "phase"; readonly phase: "healed" | "rest" | "swept" });

/** Reasons with which the engine itself ends a grant. */
export const ENGINE_REASONS: readonly EndReason[] = ["rejected", "lost_response", "expired"];

/** The list, with a hash over all of it: two runs of one seed have the same. */
export class History {
  readonly records: SimRecord[] = [];
  #hash = 0x811c9dc5;

  add(record: SimRecord): void {
    this.records.push(record);
    this.#hash = hashText(fingerprintOf(record), this.#hash);
  }

  /** FNV-1a over the records so far. */
  get hash(): number {
    return this.#hash;
  }
}

function fingerprintOf(record: SimRecord): string {
  const { kind, atMs } = record;
  const subject = "grant" in record ? (record.grant ?? "") : "";
  const detail =
    record.kind === "store"
      ? `${record.operation}${record.answer}${record.storeNowMs}`
      : record.kind === "settled"
        ? `${record.result}${record.accessToken ?? ""}`
        : record.kind === "send"
          ? record.refreshToken + record.attemptId
          : record.kind === "event"
            ? record.event.type
            : record.kind === "answer" || record.kind === "classified"
              ? record.code
              : "";
  return `${kind}|${atMs}|${subject}|${detail}\n`;
}
