/**
 * I1: one refresh at a time, unless the lease of the earlier one had run out by the store's clock.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { SimRecord } from "../history.ts";

interface Flight {
  readonly process: string;
  readonly attemptId: string;
}

/** In a run without faults, moreover: exactly one request per version. */
export function singleFlight(probe: Probe): Checker {
  const open = new Map<string, Flight[]>();
  const leases = new Map<string, Map<string, number>>();
  /** By version: the attempt that sent it. */
  const sentVersions = new Map<string, string>();
  /** Attempts whose last request was refused: one for another audience may ask once more for what the sign-in asked for. */
  const refused = new Set<string>();
  const leaseless = new Set<string>();
  let clockJumped = false;

  const seeStore = (record: Extract<SimRecord, { kind: "store" }>): void => {
    const { grant, before, after } = record;
    if (record.operation === "admin") leaseless.add(grant);
    if (after === undefined || before?.lease === after.lease) return;
    let known = leases.get(grant);
    if (known === undefined) leases.set(grant, (known = new Map<string, number>()));
    if (after.lease !== null) known.set(after.lease.holder, after.lease.untilMs);
    else if (before?.lease != null) known.delete(before.lease.holder);
  };

  const seeStart = (
    record: Extract<SimRecord, { kind: "event" }>,
    event: { attemptId: string; version: number },
    storeNowMs: number,
  ): string | undefined => {
    const { grant, process } = record;
    const flights = open.get(grant) ?? [];
    open.set(grant, [...flights, { process, attemptId: event.attemptId }]);
    for (const other of flights) {
      if (other.process === process) return `${process} sends two refreshes of ${grant} at once`;
      const untilMs = leases.get(grant)?.get(other.process);
      const holds = untilMs !== undefined && untilMs > storeNowMs;
      if (holds && !leaseless.has(grant) && !clockJumped)
        return `${process} sends while ${other.process} holds the lease of ${grant} and its request is out`;
      if (probe.profile === "calm")
        return `${process} and ${other.process} refresh ${grant} at once, and nothing is broken`;
    }
    const version = `${grant}@${event.version}`;
    const again = sentVersions.get(version) === event.attemptId && refused.delete(event.attemptId);
    if (probe.profile === "calm" && sentVersions.has(version) && !again)
      return `version ${version} is refreshed twice`;
    sentVersions.set(version, event.attemptId);
    return undefined;
  };

  const close = (grant: string, attemptId: string): void => {
    const flights = open.get(grant) ?? [];
    const index = flights.findIndex((flight) => flight.attemptId === attemptId);
    open.set(
      grant,
      flights.filter((_, at) => at !== index),
    );
  };

  let storeOffsetMs = 0;
  return {
    name: "I1 single flight",
    see(record) {
      if (record.kind === "fault" && record.id === "X21") clockJumped = true;
      if (record.kind === "process" && (record.what === "crash" || record.what === "stop")) {
        for (const [grant, flights] of open) {
          open.set(
            grant,
            flights.filter(({ process }) => process !== record.process),
          );
        }
      }
      if (record.kind === "store") {
        storeOffsetMs = record.storeNowMs - record.atMs;
        seeStore(record);
      }
      if (record.kind === "answer" && record.outcome === "rejected") refused.add(record.attemptId);
      if (record.kind !== "event") return undefined;
      const { event, grant, atMs } = record;
      if (event.type === "refresh_ended" || event.type === "handed_over") close(grant, event.attemptId);
      return event.type === "refresh_started" ? seeStart(record, event, atMs + storeOffsetMs) : undefined;
    },
  };
}
