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

/** Reads the props. Throws a `TypeError` that names the prop, what was given and the fix. */
export function readPolicy(props: PolicyProps): SignInPolicySettings {
  const { keepAlive = "tab-open", idleLimitMs, warnBeforeMs, onSignInSoon } = props;
  const isActive = keepAlive === "user-active";
  const limitMs = isActive ? (idleLimitMs ?? 900_000) : Infinity;
  const beforeMs = warnBeforeMs ?? Math.min(60_000, limitMs / 2);
  check(
    ["tab-open", "user-active"].includes(keepAlive),
    "keepAlive",
    keepAlive,
    '"tab-open" or "user-active"',
  );
  check(
    isActive ? Number.isFinite(limitMs) && limitMs >= 1_000 : idleLimitMs === undefined,
    "idleLimitMs",
    idleLimitMs,
    '1000 or more, and only with keepAlive="user-active"',
  );
  check(
    Number.isFinite(beforeMs) && beforeMs >= 0 && beforeMs < limitMs,
    "warnBeforeMs",
    warnBeforeMs,
    "0 or more, and less than idleLimitMs",
  );
  return { idleLimitMs: limitMs, warnBeforeMs: beforeMs, onSignInSoon };
}

function check(isRight: boolean, prop: string, given: unknown, fix: string): void {
  if (!isRight) throw new TypeError(`SessionProvider: "${prop}" must be ${fix}; got ${String(given)}`);
}
