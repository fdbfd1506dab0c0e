/** In the simulation the real refresher meets every kind of answer as it comes over HTTP, and takes it for what it is. */
import { describe, expect, it } from "vitest";

import type { RefreshOutcome, RefreshRequest } from "../../src/core/refresher.ts";
import { targetKeyOf } from "../../src/core/token-target.ts";
import { lossOf } from "../../simulation/as-faults.ts";
import { chanceOf } from "../../simulation/chance.ts";
import type { AsFault } from "../../simulation/fault-types.ts";
import { CLIENT_ID, ISSUER, withIdToken, type Answered } from "../../simulation/http-answers.ts";
import { httpRefresher } from "../../simulation/http-refresher.ts";
import { runPlan } from "../../simulation/run.ts";
import { demand, storyOf } from "../../simulation/scenario.ts";

const NOW_MS = 1_800_000_000_000;
const clock = { nowMs: () => NOW_MS, sleep: () => new Promise<void>(() => undefined) };
const tokens = { access_token: "new", refresh_token: "next", token_type: "Bearer", expires_in: 60 };

async function outcomeOf(user: "alice" | "bob", answered: Answered, target?: RefreshRequest["target"]) {
  const asked: RefreshRequest[] = [];
  const about = { user, nowMs: NOW_MS };
  const line = {
    ask: (request: RefreshRequest) => Promise.resolve(answered).finally(() => asked.push(request)),
    revoke: () => Promise.resolve("revoked" as const),
    about: () => about,
  };
  const refresher = httpRefresher(line, clock, chanceOf(1, user), () => undefined);
  const signIn = withIdToken({}, user, about).id_token as string;
  const outcome = await refresher.refresh({
    provider: "simulated",
    issuer: ISSUER,
    clientId: CLIENT_ID,
    tokenSet: {
      accessToken: "old",
      refreshToken: `rt-${user}`,
      idToken: signIn,
      tokenType: "Bearer",
      issuedAtMs: 0,
    },
    attemptId: "a",
    signal: new AbortController().signal,
    ...(target !== undefined && { target }),
  });
  return { outcome, asked };
}

const FAULTS: readonly AsFault[] = [
  "5xx_before",
  "5xx_after",
  "html_before",
  "html_after",
  "truncated",
  "reset_after",
  "huge_body",
  "redirect",
  "wrong_subject",
  "429",
  "429_retry_after",
  "429_skewed_date",
  "dpop_nonce",
  "invalid_client",
  "metadata",
];

describe("the real refresher over the simulated way", () => {
  it.each(FAULTS)("takes %s for what it is", async (fault) => {
    for (const user of ["alice", "bob"] as const) {
      const meant = lossOf(fault, chanceOf(7, fault))?.outcome as RefreshOutcome;
      const { outcome } = await outcomeOf(user, { outcome: meant, response: tokens });

      expect(outcome.kind).toBe(meant.kind);
    }
  });

  it("reads new tokens, and asks for what its caller wants (I8)", async () => {
    const committed = {
      outcome: { kind: "committed", tokenSet: {} } as unknown as RefreshOutcome,
      response: tokens,
    };
    const target = { audience: "mail", scope: "send" };
    const { outcome, asked } = await outcomeOf("alice", committed, target);

    expect(outcome).toMatchObject({
      kind: "committed",
      tokenSet: { accessToken: "new", refreshToken: "next" },
    });
    expect(asked.map((request) => targetKeyOf(request.target))).toEqual([targetKeyOf(target)]);
  });

  it("runs in simulated time alone, twice the same", async () => {
    const plan = storyOf({ overHttp: true }, demand(41_000, 200_000, 3_000, [0, 1, 2]));
    const [first, again] = [await runPlan(plan), await runPlan(plan)];

    expect(first.violation).toBeUndefined();
    expect(first.records.filter(({ kind }) => kind === "classified").length).toBeGreaterThan(3);
    expect(again.hash).toBe(first.hash);
  });
});
