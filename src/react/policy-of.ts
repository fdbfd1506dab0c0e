/**
 * The policy of a live session: there for whoever reads it, and started when the page is up.
 *
 * @module
 */
import { onBrowserInput } from "../client/browser-input.ts";
import { createSignInPolicy, type SignInPolicy } from "../client/sign-in-policy.ts";
import type { LiveSession } from "./live-session.ts";

const policies = new WeakMap<LiveSession, SignInPolicy>();

/** Always the same one for one live session. */
export function policyOf(live: LiveSession): SignInPolicy {
  let policy = policies.get(live);
  if (!policy) {
    policy = createSignInPolicy({
      environment: live.surroundings.environment,
      scheduler: live.scheduler,
      onInput: onBrowserInput,
      settings: () => live.policy,
    });
    policies.set(live, policy);
  }
  return policy;
}
