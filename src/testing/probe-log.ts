/**
 * What a probe does to its grants, step by step, and what came of it: without a token in it.
 *
 * @module
 */
import type { ProbeAnswer, ProbeRefresh } from "./probe-server.ts";

/** One step of a probe, as it may be printed. */
export interface ProbeEvidence {
  /** What was probed, such as `rotates` or `window 5000 ms`. */
  readonly probe: string;
  /** What was sent, such as `used again at once`. */
  readonly step: string;
  /** What the server answered: `same refresh token`, `new refresh token`, `no refresh token`, an error's code, or a note. */
  readonly outcome: string;
}

/** A test user's grant, to be spent. */
export interface ProbedGrant {
  readonly refreshToken: string;
  /** Sends a refresh token and writes down what came. Ends the probe where nothing can be told. */
  readonly refresh: (
    step: string,
    refreshToken: string,
  ) => Promise<Exclude<ProbeAnswer, { kind: "unclear" }>>;
  /** As `refresh`, for a step without which there is nothing to find out. */
  readonly mustRefresh: (
    step: string,
    refreshToken: string,
  ) => Promise<Extract<ProbeAnswer, { kind: "tokens" }>>;
}

/** The grants of a probe, and what was done with them. */
export interface ProbeLog {
  readonly evidence: readonly ProbeEvidence[];
  readonly grants: () => number;
  /** Gets a new grant for a probe of this name. */
  readonly begin: (probe: string) => Promise<ProbedGrant>;
  /** Writes down what the steps so far mean. */
  readonly note: (outcome: string) => void;
}

/** Thrown where the server could not be judged; the evidence says why. */
export const PROBE_STOPPED: unique symbol = Symbol("probe stopped");

/** Builds it. */
export function createProbeLog(
  send: ProbeRefresh,
  newGrant: () => Promise<{ readonly refreshToken: string }>,
  maxGrants: number,
): ProbeLog {
  const evidence: ProbeEvidence[] = [];
  let [grants, current] = [0, ""];
  const write = (step: string, outcome: string): void =>
    void evidence.push({ probe: current, step, outcome });
  const stop = (): never => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- A mark, told apart from what the application throws.
    throw PROBE_STOPPED;
  };

  async function refresh(step: string, refreshToken: string): ReturnType<ProbedGrant["refresh"]> {
    const answer = await send(refreshToken);
    write(step, said(answer, refreshToken));
    return answer.kind === "unclear" ? stop() : answer;
  }

  return {
    evidence,
    grants: () => grants,
    note: (outcome) => write("note", outcome),
    async begin(probe) {
      current = probe;
      if (++grants > maxGrants) {
        write("new grant", `more than ${maxGrants} grants`);
        stop();
      }
      const { refreshToken } = await newGrant();
      return {
        refreshToken,
        async refresh(step, token) {
          current = probe;
          return refresh(step, token);
        },
        async mustRefresh(step, token) {
          current = probe;
          const answer = await refresh(step, token);
          return answer.kind === "tokens" ? answer : stop();
        },
      };
    },
  };
}

function said(answer: ProbeAnswer, sent: string): string {
  if (answer.kind !== "tokens") return answer.code;
  if (answer.refreshToken === undefined) return "no refresh token";
  return answer.refreshToken === sent ? "same refresh token" : "new refresh token";
}
