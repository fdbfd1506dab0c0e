/**
 * An answer as it came over the wire, and the reading of its parts: body, `Retry-After`, `WWW-Authenticate`.
 * Everything here is pure.
 *
 * @module
 */
import type { BodyText } from "./read-body.ts";

/** An answer of a token endpoint. */
export interface RawAnswer {
  /** The HTTP status; 0 for a redirect that `fetch` hides. */
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: BodyText;
}

/** A JSON object: nothing in it can be relied upon. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What a body turned out to be. */
export type ParsedBody =
  | { readonly kind: "object"; readonly members: JsonObject }
  | { readonly kind: "html" }
  | { readonly kind: "unreadable" };

/**
 * Reads a body as the JSON object it should be. The content type is not asked, since servers get it wrong, except for
 * form encoding, in which some servers still answer.
 */
export function parseBody(answer: RawAnswer): ParsedBody {
  if (answer.body.kind !== "complete") return { kind: "unreadable" };
  const text = answer.body.text.trim();
  const contentType = (answer.headers.get("content-type") ?? "").toLowerCase();
  if (text.startsWith("{")) {
    try {
      return { kind: "object", members: JSON.parse(text) as JsonObject };
    } catch {
      return { kind: "unreadable" };
    }
  }
  if (text.startsWith("<") || contentType.startsWith("text/html")) return { kind: "html" };
  if (contentType.startsWith("application/x-www-form-urlencoded") && text !== "") {
    return { kind: "object", members: Object.fromEntries(new URLSearchParams(text)) };
  }
  return { kind: "unreadable" };
}

/**
 * The pause that an answer asks for, in milliseconds: seconds or an HTTP date. It is told as it was asked for; how much
 * of it is believed is the engine's to say (`MAX_RETRY_AFTER_MS` of `src/core/backoff.ts`).
 *
 * @returns `undefined` where there is none, or none that can be read.
 * @see [RFC 9110, section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3)
 */
export function retryAfterMsFrom(headers: RawAnswer["headers"], nowMs: number): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (value === undefined || value === "") return undefined;
  const isDate = /[a-z]/i.test(value);
  const pauseMs = isDate ? Date.parse(value) - nowMs : Number(value) * 1000;
  if (!Number.isFinite(pauseMs) || (!isDate && pauseMs < 0)) return undefined;
  return Math.max(Math.round(pauseMs), 0);
}

/**
 * The error of a `WWW-Authenticate` challenge. One without an `error` refuses the client that asked: there is nobody
 * else whom a token endpoint authenticates.
 *
 * @see [RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749.html#section-5.2) - `invalid_client`
 */
export function challengeErrorOf(answer: RawAnswer): string | undefined {
  const challenge = answer.headers.get("www-authenticate");
  if (challenge === null) return undefined;
  const error = /(?:^|[\s,])error\s*=\s*(?:"([^"]*)"|([^\s,"]+))/i.exec(challenge);
  const code = error?.[1] ?? error?.[2];
  if (code !== undefined && code !== "") return code;
  return answer.status === 401 ? "invalid_client" : undefined;
}

/** Whether something is an object with members, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
