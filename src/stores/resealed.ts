/**
 * Candidates under another key: the one rule for every store that keeps them as a list.
 *
 * @module
 */
import type { Reseal } from "../core/grant-store.ts";
import type { Candidate } from "../core/grant.ts";

/** The stored candidates, each in its place, with the sealed value that replaces it where there is one. */
export function resealed(stored: readonly Candidate[], given: Reseal["candidates"]): readonly Candidate[] {
  return stored.map((candidate) => {
    const replacement = given.find(({ attemptId }) => attemptId === candidate.attemptId);
    if (replacement === undefined) return candidate;
    return { ...candidate, sealedTokenSet: replacement.sealedTokenSet, keyId: replacement.keyId };
  });
}
