/**
 * The browser's part without React: when a tab asks for its session, and the loop that does it.
 *
 * @module
 */
export { browserEnvironment, browserFetchSession } from "./browser.ts";
export { shareTabs } from "./browser-tabs.ts";
export { onBrowserInput } from "./browser-input.ts";
export { divergenceMs, elapsedMs } from "./environment.ts";
export type { Environment, OtherTabs, Reading, WakeReason } from "./environment.ts";
export { readSession } from "./fetch-session.ts";
export type { FetchSession, SessionAnswer } from "./fetch-session.ts";
export { backOffMs, DEFAULT_SETTINGS, MAX_TIMER_MS, plan } from "./plan.ts";
export type { AskReason, PlanSettings, PlanState, Step } from "./plan.ts";
export { createScheduler } from "./scheduler.ts";
export type { Scheduler, SchedulerOptions } from "./scheduler.ts";
export { askInMsOf } from "./session.ts";
export { createSignInPolicy } from "./sign-in-policy.ts";
export type { SignInPolicy, SignInPolicyOptions, SignInPolicySettings } from "./sign-in-policy.ts";
export type { SignInSoon, SignInSoonSettings } from "./sign-in-soon.ts";
export { createSharing } from "./sharing.ts";
export type { Peer, Sharing } from "./sharing.ts";
export type { ClientSession, TokenState, TokenTiming } from "./session.ts";
export type { Turn } from "./turns.ts";
