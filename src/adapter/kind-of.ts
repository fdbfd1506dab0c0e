/**
 * What an error may say of a value that was given: its kind, never itself, because it may be a secret.
 *
 * @module
 */

/** `null`, `a list`, or what `typeof` says. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : typeof value;
}

/** Whether a value has members by name. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
