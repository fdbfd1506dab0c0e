/**
 * What the stores share about selections. A `GrantSelector` is read strictly: one that is empty by mistake must not end
 * everybody's grants (SEC-70).
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import type { GrantSelector } from "../core/grant-store.ts";
import type { GrantRecord } from "../core/grant.ts";

/** The field of a record that a selector names, and the value to look for. */
export interface Selection {
  readonly field: "sessionRef" | "subjectRef" | "sidRef";
  readonly value: string;
}

const FIELDS = ["sessionRef", "subjectRef", "sidRef"] as const;

/** Those of a state that are selected, in the order in which {@link GrantStore.findMatching} answers. */
export function matching(
  grants: readonly GrantRecord[],
  { field, value }: Selection,
  state: GrantRecord["state"],
): readonly GrantRecord[] {
  const timeMs = ({ createdAtMs, endedAtMs }: GrantRecord): number => endedAtMs ?? createdAtMs;
  return grants
    .filter((grant) => grant.state === state && grant[field] === value)
    .sort((one, other) => timeMs(other) - timeMs(one));
}

/** @throws {@link InvalidOptionError} unless exactly one of the three is there and is a string. */
export function selectionFrom(selector: GrantSelector): Selection {
  const given = selector as Partial<Record<string, unknown>>;
  const [field, ...more] = FIELDS.filter((name) => given[name] !== undefined);
  const value = field && given[field];
  if (field === undefined || more.length > 0 || typeof value !== "string") {
    throw new InvalidOptionError("selector", "must have exactly one of sessionRef, subjectRef and sidRef");
  }
  return { field, value };
}
