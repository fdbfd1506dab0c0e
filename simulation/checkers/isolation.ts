/**
 * I8: every token that a session gets, and every token in its row, was issued for its own grant; and each access token for
 * what its caller asked for: audience, scope and resource as the server was really asked.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { SettledRecord } from "../history.ts";
import { tokensStoredBy } from "./stored-tokens.ts";

/** Asks the authorization server whose each token is, and what for. */
export function isolation(probe: Probe): Checker {
  const wanted = new Map<number, string>();

  const seeSettled = ({ accessToken, grant, process, call }: SettledRecord): string | undefined => {
    if (accessToken === undefined) return undefined;
    const owner = probe.grantOfToken(accessToken);
    if (owner !== grant) return `${process} gave ${accessToken} of ${owner ?? "nobody"} to ${grant}`;
    const [asked, got] = [wanted.get(call), probe.targetOf(accessToken)];
    wanted.delete(call);
    return asked === got
      ? undefined
      : `${process} gave ${accessToken} for ${got ?? "the sign-in's target"} to who asked for ${asked ?? "that"}`;
  };

  return {
    name: "I8 isolation",
    see(record) {
      if (record.kind === "call" && record.target !== undefined) wanted.set(record.call, record.target);
      if (record.kind === "settled") return seeSettled(record);
      if (record.kind !== "store") return undefined;
      const foreign = tokensStoredBy(probe, record).find(
        (token) => probe.grantOfToken(token) !== record.grant,
      );
      return foreign && `${foreign} is stored in ${record.grant}`;
    },
  };
}
