/**
 * What an app needs to test its own use of nolapse: a clock that stands still, chance that repeats, the promises of a
 * grant store as checks for any test runner, an authorization server that rotates strictly, and a probe that finds out
 * how a real one does.
 *
 * @module
 */
export { FakeClock, type FakeClockOptions } from "./fake-clock.ts";
export { deterministicRandom } from "./random.ts";
export {
  grantStoreContract,
  grantStoreLostAnswerContract,
  grantStoreRestartContract,
  type StoreCheck,
  type StoreCheckContext,
} from "./grant-store-contract.ts";
export { probeRotation, type ProbeRotationOptions, type RotationFinding } from "./probe-rotation.ts";
export type { ProbeEvidence } from "./probe-log.ts";
export type { ProbeServerOptions } from "./probe-server.ts";
export {
  faults,
  startStrictAuthorizationServer,
  tokenRef,
  type Fault,
  type IssuedTokens,
  type LoggedRequest,
  type StrictAuthorizationServer,
  type StrictAuthorizationServerOptions,
} from "./strict-authorization-server.ts";
