/**
 * Says what an exception of `fetch` means: whether the server can have seen the request.
 *
 * @module
 */
import type { RefreshOutcome } from "../core/refresher.ts";
import { SendAborted } from "./send.ts";

/** Codes of failures that come before the first byte of a request: name, connection, TLS handshake. */
const NOT_SENT: ReadonlySet<string> = new Set([
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EAI_NODATA",
  "EAI_NONAME",
  "ECONNREFUSED",
  "EADDRNOTAVAIL",
  "EMFILE",
  "UND_ERR_CONNECT_TIMEOUT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "ERR_TLS_CERT_ALTNAME_FORMAT",
  "ERR_TLS_HANDSHAKE_TIMEOUT",
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_UNSUPPORTED_PROTOCOL",
  "ERR_SSL_NO_PROTOCOLS_AVAILABLE",
  "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
  "ERR_SSL_TLSV1_UNRECOGNIZED_NAME",
  "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
  "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "HOSTNAME_MISMATCH",
]);

/** Codes that come before the first byte only where they are those of connecting: on an open socket a write has them too. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ETIMEDOUT",
]);

const MAX_DEPTH = 5;

/**
 * The outcome of a request that `fetch` rejected. Everything that is not known to come before the first byte is
 * `unknown`: the server may have committed.
 */
export function classifyThrow(error: unknown): Exclude<RefreshOutcome, { kind: "committed" }> {
  if (error instanceof SendAborted || nameOf(error) === "AbortError" || nameOf(error) === "TimeoutError") {
    return { kind: "unknown", code: "timeout", answered: false };
  }
  const code = codeOf(error);
  if (wasNotSent(error)) return { kind: "not_sent", code: (code ?? "connect_failed").toLowerCase() };
  return {
    kind: "unknown",
    code: "reset",
    answered: false,
    ...(code !== undefined && { detail: code }),
  };
}

/** Whether every reason of a failure lies before the first byte. Node tries several addresses: then all of them. */
export function wasNotSent(error: unknown, depth = 0): boolean {
  if (depth > MAX_DEPTH || typeof error !== "object" || error === null) return false;
  const { code, errors, cause, syscall, message } = error as Record<string, unknown>;
  if (Array.isArray(errors) && errors.length > 0) return errors.every((each) => wasNotSent(each, depth + 1));
  if (typeof code === "string") {
    if (NOT_SENT.has(code) || code.startsWith("CERT_")) return true;
    if (NOT_CONNECTED.has(code) && syscall === "connect") return true;
    // The sentence of node:tls for a socket that closed during the handshake; there is no code of its own for it.
    if (code === "ECONNRESET" && typeof message === "string")
      return message.includes("before secure TLS connection was established");
  }
  return wasNotSent(cause, depth + 1);
}

function codeOf(error: unknown, depth = 0): string | undefined {
  if (depth > MAX_DEPTH || typeof error !== "object" || error === null) return undefined;
  const { code, cause, errors } = error as Record<string, unknown>;
  if (typeof code === "string" && /^[A-Z0-9_/]{1,60}$/.test(code)) return code;
  const inner = Array.isArray(errors) ? codeOf(errors[0], depth + 1) : undefined;
  return inner ?? codeOf(cause, depth + 1);
}

function nameOf(error: unknown): unknown {
  return typeof error === "object" && error !== null ? (error as { name?: unknown }).name : undefined;
}
