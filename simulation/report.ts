/**
 * A failing run in words: what was broken, the options, what is left of the plan, and the last things that happened.
 *
 * @module
 */
import type { SimRecord } from "./history.ts";
import type { RunResult } from "./run.ts";
import type { Kept } from "./shrink.ts";

const LAST_RECORDS = 40;

/** The one command that runs exactly this again. */
export function replayCommand({ plan }: Pick<RunResult, "plan">, kept?: Kept): string {
  const { seed, mode } = plan.options;
  const part = kept === undefined ? "" : ` --keep '${JSON.stringify(kept)}'`;
  return `node simulation/main.ts --seed ${seed} --seeds 1 --mode ${mode}${part}`;
}

/** The report of a failure. */
export function reportOf(result: RunResult, kept?: Kept): string {
  const { violation, plan, records } = result;
  if (violation === undefined) return "No rule was broken.";
  const startMs = records[0]?.atMs ?? 0;
  const upTo = records.slice(0, violation.records);
  const about = /f\d+x\d+/.exec(violation.message)?.[0];
  const shown = upTo.filter((record) => isAbout(record, about)).slice(-LAST_RECORDS);
  return [
    `${violation.checker}: ${violation.message}`,
    `  at ${((violation.atMs - startMs) / 1_000).toFixed(3)} s`,
    `  options ${JSON.stringify(plan.options)}`,
    ...plan.faults.map(
      ({ id, atMs, durationMs, server, grant, effect }) =>
        `  fault ${id} at ${(atMs / 1_000).toFixed(3)} s for ${durationMs} ms, server ${server ?? "any"}, session ${grant ?? "any"}: ${JSON.stringify(effect)}`,
    ),
    `  the last of ${upTo.length} records${about === undefined ? "" : ` about ${about}`}:`,
    ...shown.map((record) => `  ${lineOf(record, startMs)}`),
    `  replay: ${replayCommand(result, kept)}`,
  ].join("\n");
}

function isAbout(record: SimRecord, about: string | undefined): boolean {
  if (record.kind === "opened" || (record.kind === "store" && record.operation === "read")) return false;
  return (
    about === undefined || !("grant" in record) || record.grant === "" || (record.grant ?? "").includes(about)
  );
}

/** One record in one line. */
export function lineOf(record: SimRecord, startMs: number): string {
  const at = `${((record.atMs - startMs) / 1_000).toFixed(3).padStart(10)} ${record.kind}`;
  const who = "process" in record ? ` ${record.process ?? ""}` : "";
  if (record.kind === "store") return `${at}${who} ${storeText(record, startMs)}`;
  const { kind: _kind, atMs: _atMs, ...rest } = record;
  return `${at}${who} ${JSON.stringify(rest).slice(0, 240)}`;
}

function storeText(record: Extract<SimRecord, { kind: "store" }>, startMs: number): string {
  const { operation, answer, attemptId = "", after } = record;
  const seconds = (ms: number): string => ((ms - startMs) / 1_000).toFixed(3);
  if (after === undefined) return `${operation} -> ${answer} ${attemptId}: no row`;
  const { lease, intent, backoff, state, version, candidates } = after;
  const parts = [
    `v${version} ${state}`,
    lease === null ? "" : `lease ${lease.holder} until ${seconds(lease.untilMs)}`,
    intent === null
      ? ""
      : `intent ${intent.attemptId} ${intent.outcome} until ${seconds(intent.deadlineAtMs)}`,
    backoff === null ? "" : `pause ${backoff.code} until ${seconds(backoff.untilMs)}`,
    candidates.length === 0 ? "" : `${candidates.length} candidates`,
  ];
  return `${operation} -> ${answer} ${attemptId}: ${parts.filter((part) => part !== "").join(", ")}`;
}
