/**
 * What a server did, one JSON object a line, so that a test or a person can count. No line holds a token, a code
 * or a cookie: they appear as {@link shortHash} only.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { appendFileSync, writeFileSync } from "node:fs";

/** Prefix of the SHA-256 of a token or id: enough to tell two apart, useless to whoever reads it. */
export function shortHash(value: string): string {
  return createHash("sha256").update(value).digest("hex").slice(0, 16);
}

/** Writes one line; `atMs` (epoch milliseconds) and `event` come first. */
export type AuditLog = (event: string, details?: Readonly<Record<string, unknown>>) => void;

/**
 * An audit log that appends to the file, made with mode 0600. A line is in the file before the call returns, so
 * it survives whatever happens to the process next.
 */
export function auditLog(path: string): AuditLog {
  writeFileSync(path, "", { flag: "a", mode: 0o600 });
  return (event, details = {}) => {
    appendFileSync(path, JSON.stringify({ atMs: Date.now(), event, ...details }) + "\n");
  };
}
