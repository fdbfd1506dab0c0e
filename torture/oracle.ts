/**
 * Which sessions could not be kept by any client: a strict server had spent the refresh token, and the only answer with
 * its successor went over a connection that was cut, to a process that was killed before anything durable had it, or came
 * after the deadline that the run gives every request.
 *
 * Judged from the gate's truth, the log of blows, what each process wrote down synchronously, and the stored rows; not
 * from what the engine says. Nothing else excuses anything: a process that ends by SIGTERM, or that gives a request up
 * before its time, has lost what it lost by itself.
 */
import type { Rotation } from "./authorization-server.ts";
import type { WorkerLine } from "./worker-log.ts";

/** A process that was killed. */
export interface Kill {
  readonly pid: number;
  readonly atMs: number;
}

/** What the oracle looks at. */
export interface Evidence {
  readonly rotations: readonly Rotation[];
  readonly kills: readonly Kill[];
  /** What the processes wrote down, each in its own order. */
  readonly log: readonly WorkerLine[];
  /** Hashes of the refresh tokens that were seen in the store at any time: current or kept ones. */
  readonly durable: ReadonlySet<string>;
  /** How long each request may take, in milliseconds. */
  readonly deadlineMs: number;
}

/** Why a session could not be kept. */
export type LossCause =
  /** The gate let nobody have the answer. */
  | "cut"
  /** The machine was so busy that the answer came too late (X37). */
  | "late"
  /** The process was killed while it waited for the answer. */
  | "killed_waiting"
  /** The process was killed between the answer and the store's acknowledgement. */
  | "killed_storing";

/**
 * How long before a kill the last sign of work on an answer may lie, in milliseconds. After the arrival: sealing, on a
 * loaded machine. After an offer: the engine's limit for one store operation, and the longest pause before the next.
 * After a refusal: that pause.
 */
const AT_WORK_FOR_MS = { arrived: 500, offered: 5_500, refused: 2_500 } as const;

/** What a busy process may take to read an answer that is there, in milliseconds. */
const READ_WITHIN_MS = 1_000;

/** The chains that were unavoidably lost, each with its cause. */
export function unavoidablyLost(evidence: Evidence): ReadonlyMap<string, LossCause> {
  const { rotations, log, kills, deadlineMs } = evidence;
  const killedAtMs = new Map(kills.map(({ pid, atMs }) => [pid, atMs]));
  const gaveUp = new Set(log.flatMap((line) => (line.type === "gave_up" ? [line.send] : [])));
  const kept = new Set(evidence.durable);
  const lastSign = new Map<string, { readonly type: keyof typeof AT_WORK_FOR_MS; readonly atMs: number }>();
  for (const line of log) {
    if (line.type === "gave_up") continue;
    if (line.type === "stored") kept.add(line.issued);
    else lastSign.set(line.issued, { type: line.type, atMs: line.atMs });
  }
  const causeOf = ({ issued, pid, send, sentAtMs, writtenAtMs }: Rotation): LossCause | undefined => {
    if (kept.has(issued)) return undefined;
    if (writtenAtMs === undefined) return "cut";
    if (gaveUp.has(send)) return writtenAtMs - sentAtMs > deadlineMs - READ_WITHIN_MS ? "late" : undefined;
    const killed = killedAtMs.get(pid);
    if (killed === undefined) return undefined;
    const sign = lastSign.get(issued);
    if (sign === undefined) return "killed_waiting";
    return killed - sign.atMs <= AT_WORK_FOR_MS[sign.type] ? "killed_storing" : undefined;
  };
  const lost = new Map<string, LossCause>();
  for (const last of new Map(rotations.map((one) => [one.chain, one])).values()) {
    const cause = causeOf(last);
    if (cause !== undefined) lost.set(last.chain, cause);
  }
  return lost;
}
