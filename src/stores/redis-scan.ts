/**
 * Walks over the keys of one or several Redis servers, a page at a time.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import type { SendCommand } from "./redis-client.ts";

/** One page of keys, possibly none. */
export interface KeyPage {
  readonly keys: readonly string[];
  /** `<server>:<its cursor>`, `null` after the last page of the last server. */
  readonly next: string | null;
}

/** How many steps a page takes at most where it finds nothing: the keys of others lie between. */
const STEPS_PER_PAGE = 50;
const MIN_STEP = 10;

/**
 * One page of the keys that begin so. Redis shows each key at least once that is there all the time.
 *
 * @throws {@link InvalidOptionError} for a cursor that is not one of its own.
 * @see [SCAN](https://redis.io/docs/latest/commands/scan/) - guarantees
 */
export async function scanKeys(
  nodes: readonly SendCommand[],
  cursor: string | null,
  begins: string,
  limit: number,
): Promise<KeyPage> {
  const [, first = "", from = ""] = /^(\d{1,6}):(\d{1,20})$/.exec(cursor ?? "0:0") ?? [];
  if (first === "")
    throw new InvalidOptionError("cursor", "must be null, or what the page before gave as next");
  const pattern = `${escaped(begins)}*`;
  const count = String(Math.max(Math.round(limit), MIN_STEP));
  let position = from;
  let index = Number(first);
  for (let step = 0; step < STEPS_PER_PAGE; step++) {
    const node = nodes[index];
    if (node === undefined) return { keys: [], next: null };
    const reply = (await node(["SCAN", position, "MATCH", pattern, "COUNT", count])) as readonly unknown[];
    const keys = Array.isArray(reply[1]) ? reply[1].map(String) : [];
    position = String(reply[0]);
    if (position === "0") index++;
    const next = index < nodes.length ? `${index}:${position}` : null;
    if (keys.length > 0 || next === null) return { keys, next };
  }
  return { keys: [], next: `${index}:${position}` };
}

/** The text as a pattern that means just that text. */
function escaped(text: string): string {
  return text.replace(/[\\*?[\]]/g, "\\$&");
}
