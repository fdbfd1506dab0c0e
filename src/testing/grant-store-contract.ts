/**
 * The promises of `GrantStore`, executable: one check per promise, for any test runner and for a live store.
 *
 * ```ts
 * for (const { name, check } of grantStoreContract) it(name, () => check(context()));
 * ```
 *
 * Each check makes rows of its own, with an end one hour ahead, and leaves them behind. Beside every check lives the
 * grant of a second user, which must come out of it unchanged.
 *
 * @module
 */
import { candidateChecks } from "./grant-store-contract/candidates.ts";
import { commitChecks } from "./grant-store-contract/commits.ts";
import { endingChecks } from "./grant-store-contract/endings.ts";
import { besideBystander, type StoreCheck } from "./grant-store-contract/fixtures.ts";
import { historyChecks } from "./grant-store-contract/histories.ts";
import { leaseBoundChecks } from "./grant-store-contract/lease-bounds.ts";
import { leaseChecks } from "./grant-store-contract/leases.ts";
import { lifetimeChecks } from "./grant-store-contract/lifetimes.ts";
import { lostAnswerChecks } from "./grant-store-contract/lost-answers.ts";
import { raceChecks } from "./grant-store-contract/races.ts";
import { readingChecks } from "./grant-store-contract/readings.ts";
import { releaseChecks } from "./grant-store-contract/releases.ts";
import { repeatChecks } from "./grant-store-contract/repeats.ts";
import { resealChecks } from "./grant-store-contract/reseals.ts";
import { restartChecks } from "./grant-store-contract/restarts.ts";
import { scanChecks } from "./grant-store-contract/scans.ts";

export type { StoreCheck, StoreCheckContext } from "./grant-store-contract/fixtures.ts";

/** Every promise of `GrantStore` as a check that rejects with an `AssertionError` when the store breaks it. */
export const grantStoreContract: readonly StoreCheck[] = [
  ...readingChecks,
  ...leaseChecks,
  ...leaseBoundChecks,
  ...releaseChecks,
  ...commitChecks,
  ...candidateChecks,
  ...endingChecks,
  ...lifetimeChecks,
  ...resealChecks,
  ...scanChecks,
  ...repeatChecks,
  ...raceChecks,
  ...historyChecks,
].map(besideBystander);

/**
 * The promises of a store whose grants outlive its process, as checks of the same kind. Their context needs
 * {@link StoreCheckContext.reopen}.
 */
export const grantStoreRestartContract: readonly StoreCheck[] = restartChecks;

/**
 * The promises for a caller whose answer got lost, as checks of the same kind. Their context needs
 * {@link StoreCheckContext.loseNextAnswer}.
 */
export const grantStoreLostAnswerContract: readonly StoreCheck[] = lostAnswerChecks.map(besideBystander);
