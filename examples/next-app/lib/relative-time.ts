/**
 * Times as people say them.
 *
 * @module
 */
import type { Locale } from "@/lib/i18n";

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** A time as seen from another, such as "5 minutes ago" or "in 30 days". Both in epoch milliseconds. */
export function relativeTime(timeMs: number, nowMs: number, locale: Locale): string {
  const seconds = (timeMs - nowMs) / 1000;
  const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(Math.round(seconds / length), unit);
}
