import { describe, expect, it } from "vitest";
import {
  MAX_GRANTS_PER_SESSION,
  claimOf,
  grantsIn,
  sessionClaim,
  sessionHandleOf,
  withClaim,
  type GrantClaim,
  type SessionClaim,
} from "../../src/adapter/claim.ts";
import { claimAfterSignIn } from "../../src/adapter/linked-sign-in.ts";

const grant = (provider: string, sign = 1): GrantClaim => ({
  handle: `handle-${provider}-${sign}`,
  keyId: "key1",
  provider,
});
const [strict, github, google] = [grant("strict"), grant("github"), grant("google")];
const providersOf = (claim: SessionClaim): string[] => grantsIn(claim).map(({ provider }) => provider);

describe("a claim", () => {
  it("comes out of the JWT as it went in", () => {
    const claim = sessionClaim(strict, [github, google], { handle: "first", keyId: "key0" });

    expect(claimOf(JSON.parse(JSON.stringify(withClaim({}, claim))) as object as never)).toEqual(claim);
    expect(withClaim({}, sessionClaim(strict, []))).toEqual({ nolapse: strict });
  });

  it.each([
    ["no list", { ...strict, linked: "github" }, ["strict"]],
    [
      "what is no claim",
      { ...strict, linked: [null, 5, {}, { ...github, handle: 7 }, github] },
      ["strict", "github"],
    ],
    [
      "a handle that is too long",
      { ...strict, linked: [{ ...github, handle: "h".repeat(201) }] },
      ["strict"],
    ],
    [
      "more than there may be",
      { ...strict, linked: Array.from({ length: 20 }, (_, at) => grant(`p${at}`)) },
      ["strict", ...Array.from({ length: MAX_GRANTS_PER_SESSION - 1 }, (_, at) => `p${at + 13}`)],
    ],
  ])("is read as far as it is one where its list holds %s", (_what, given, providers) => {
    const claim = claimOf({ nolapse: given });

    expect(claim && providersOf(claim)).toEqual(providers);
  });

  it("without a grant of the session's own is none", () => {
    expect(claimOf({ nolapse: { linked: [github] } })).toBeUndefined();
  });
});

describe("the claim after one more sign-in of the same user", () => {
  const after = (before: SessionClaim, stored: GrantClaim | undefined, isUsable = true): SessionClaim =>
    claimAfterSignIn({ claim: before, isUsable }, stored);

  it("keeps the own grant, and adds the new one as the last", () => {
    const claim = after(after(strict, github), google);

    expect(claim).toEqual({ ...strict, linked: [github, google] });
    expect(sessionHandleOf(claim).handle).toBe(strict.handle);
  });

  it("is the new grant's alone where there was no other provider's: a session of its own", () => {
    expect(after(strict, grant("strict", 2))).toEqual(grant("strict", 2));
    expect(after(strict, grant("strict", 2), false)).toEqual(grant("strict", 2));
  });

  it("takes the new one for the own, in the same session, at the own provider or where the old is of no use", () => {
    const first = { handle: strict.handle, keyId: strict.keyId };
    const anew = after({ ...strict, linked: [github] }, grant("strict", 2));
    const again = after(anew, grant("strict", 3));
    const instead = after({ ...strict, linked: [github] }, google, false);

    expect(anew).toEqual({ ...grant("strict", 2), linked: [github], session: first });
    expect(again).toEqual({ ...grant("strict", 3), linked: [github], session: first });
    expect(instead).toEqual({ ...google, linked: [strict, github], session: first });
  });

  it("replaces an added grant of the same provider, in its place in time", () => {
    expect(after({ ...strict, linked: [github, google] }, grant("github", 2))).toEqual({
      ...strict,
      linked: [google, grant("github", 2)],
    });
  });

  it("is as it was where the sign-in brought no token", () => {
    const before = { ...strict, linked: [github] };

    expect(after(before, undefined)).toBe(before);
  });

  it("drops the one that was added first above the bound, never the own", () => {
    const many = Array.from({ length: MAX_GRANTS_PER_SESSION - 1 }, (_, at) => grant(`p${at}`));

    const claim = after(sessionClaim(strict, many), github);

    expect(providersOf(claim)).toEqual(["strict", "p1", "p2", "p3", "p4", "p5", "p6", "github"]);
  });
});
