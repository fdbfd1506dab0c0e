/** @module */
import type { SimRecord } from "./history.ts";
export type Coverage = Readonly<Record<string, number>>;
export function coverageOf(_r: readonly SimRecord[], a: { applied: number; lost: number }): Coverage {
  return { ...a };
}
