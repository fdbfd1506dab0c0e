/**
 * How the adapter speaks to the developer: on the console, rarely, and never with a secret.
 *
 * @module
 */
import { isTokenError } from "../core/errors.ts";

const told = new Set<string>();
const MAX_TOLD = 1_000;

/** Warns, once per process and topic. */
export function warnOnce(topic: string, message: string): void {
  if (told.has(topic) || told.size >= MAX_TOLD) return;
  told.add(topic);
  console.warn(`[nolapse] ${message}`);
}

/** Reports a failure inside a NextAuth callback, where throwing would delete the user's session. */
export function reportFailure(where: string, error: unknown): void {
  // Another library's message may quote what it was given: only our own texts are known to be free of secrets.
  const said = isTokenError(error) ? error.message : error instanceof Error ? error.name : "unknown error";
  console.error(`[nolapse] ${where}: ${said}`);
}
