/**
 * How long the sign-in of an unattended browser is kept alive, and when the app is told: the props of {@link SessionProvider}
 * that next-auth's provider does not have.
 *
 * @module
 */
import type { SignInPolicySettings } from "../client/sign-in-policy.ts";
import type { SignInSoon } from "../client/sign-in-soon.ts";

/** Props of {@link SessionProvider} beside next-auth's. They act only in the browser and may change while it is shown. */
export interface PolicyProps {
  /**
   * `"tab-open"`: the sign-in is kept alive as long as a tab is open. `"user-active"`: only while somebody uses any tab of
   * this browser, because an authorization server takes every refresh for activity (F29).
   * @defaultValue "tab-open"
   */
  readonly keepAlive?: "tab-open" | "user-active";
  /**
   * How long nobody has to use any tab until none asks any more, in milliseconds: 1_000 or more, and only with `"user-active"`.
   * @defaultValue 900_000, which is 15 minutes
   */
  readonly idleLimitMs?: number;
  /**
   * How long before the end `onSignInSoon` and `useSignInSoon` warn, in milliseconds: 0 or more, and less than the idle limit.
   * @defaultValue 60_000, or half of the idle limit where that is less
   */
  readonly warnBeforeMs?: number;
  /** Called once per change, in each tab: with a warning, again when that is `over`, and with `null` when it is taken back. */
  readonly onSignInSoon?: (warning: SignInSoon | null) => void;
}

/** What the props say. A wrong one counts as not given, so that no page works with it: {@link checkPolicy} tells of it. */
export function settingsOf(props: PolicyProps): SignInPolicySettings {
  const idleLimitMs = idleLimitMsOf(props);
  const { warnBeforeMs, onSignInSoon } = props;
  const isGiven = isWarnBeforeMs(warnBeforeMs, idleLimitMs);
  return {
    idleLimitMs,
    warnBeforeMs: isGiven ? warnBeforeMs : Math.min(60_000, idleLimitMs / 2),
    onSignInSoon,
  };
}

/** How long nobody has to use any tab until none asks any more, in milliseconds; `Infinity` for `"tab-open"`. */
export function idleLimitMsOf({ keepAlive, idleLimitMs }: PolicyProps): number {
  if (keepAlive !== "user-active") return Infinity;
  return isIdleLimitMs(idleLimitMs) ? idleLimitMs : 900_000;
}

/** Throws a `TypeError` that names the prop, what was given and the fix. */
export function checkPolicy(props: PolicyProps): void {
  const { keepAlive = "tab-open", idleLimitMs, warnBeforeMs } = props;
  check(
    ["tab-open", "user-active"].includes(keepAlive),
    "keepAlive",
    keepAlive,
    '"tab-open" or "user-active"',
  );
  check(
    idleLimitMs === undefined || (keepAlive === "user-active" && isIdleLimitMs(idleLimitMs)),
    "idleLimitMs",
    idleLimitMs,
    '1000 or more, and only with keepAlive="user-active"',
  );
  check(
    warnBeforeMs === undefined || isWarnBeforeMs(warnBeforeMs, idleLimitMsOf(props)),
    "warnBeforeMs",
    warnBeforeMs,
    "0 or more, and less than idleLimitMs",
  );
}

function isIdleLimitMs(given: unknown): given is number {
  return Number.isFinite(given) && (given as number) >= 1_000;
}

function isWarnBeforeMs(given: unknown, limitMs: number): given is number {
  return Number.isFinite(given) && (given as number) >= 0 && (given as number) < limitMs;
}

function check(isRight: boolean, prop: string, given: unknown, fix: string): void {
  if (!isRight) throw new TypeError(`SessionProvider: "${prop}" must be ${fix}; got ${String(given)}`);
}
