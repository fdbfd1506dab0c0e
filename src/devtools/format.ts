/**
 * The panel's words for numbers and for what happened. Pure.
 *
 * @module
 */
import type { AskReason } from "../client/plan.ts";
import type { Forecast } from "./forecast.ts";

/** A duration as `90 s`, `2 min 05 s` or `3 h 20 min`. Negative counts as none. */
export function duration(durationMs: number): string {
  const seconds = Math.max(0, Math.ceil(durationMs / 1_000));
  const two = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  if (seconds < 172_800)
    return `${Math.floor(seconds / 3_600)} h ${two(Math.floor((seconds % 3_600) / 60))} min`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** The time of day of a moment in epoch milliseconds, as `14:03:59` in the browser's time zone. */
export function timeOfDay(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}

/** Day and time of a moment in epoch milliseconds, as `2026-11-26 14:03` in the browser's time zone. */
export function dayAndTime(atMs: number): string {
  const date = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${timeOfDay(atMs).slice(0, 5)}`;
}

/** Why a session request is sent. */
export const WHY: Readonly<Record<AskReason, string>> = {
  idle: "the token is due, or refetchInterval is over",
  retry: "the request before failed",
  mount: "the page has no session yet",
  update: "the session may have changed",
  visible: "the page became visible",
  focus: "the window got the focus",
  online: "the network is back",
  pageshow: "the page came back",
  restored: "the page came out of the back/forward cache",
  marker: "asked for by hand, or the server renewed",
  active: "somebody is back",
};

/** Why nothing is sent. */
export const WHY_NOT: Readonly<Record<(Forecast & { kind: "rest" })["because"], string>> = {
  "not started": "the provider has not started",
  "signed out": "nobody is signed in",
  offline: "offline, and refetchWhenOffline is false",
  idle: "nobody has used the browser for idleLimitMs",
  "nothing to renew": "the server named no time to ask",
};
