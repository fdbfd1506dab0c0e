/**
 * The JSON documents that a server publishes: its metadata and its keys. Fetched when they are needed, one request at a
 * time, and kept under their full URL.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";
import type { RefreshOutcome } from "../core/refresher.ts";
import { classifyThrow } from "./classify-throw.ts";
import { parseBody, retryAfterMsFrom, type JsonObject } from "./raw-answer.ts";
import { discardBody, readBody } from "./read-body.ts";
import { send, untilAborted, type FetchLike } from "./send.ts";

/** Why something about a server is not known. Nothing that could be spent has been sent. */
export type ResolutionFailure = Exclude<RefreshOutcome, { kind: "committed" }> & {
  readonly kind: "config" | "not_sent";
};

/** A document, and if it is a copy that was kept, when that was fetched, in epoch milliseconds; or why there is none. */
export type Fetched =
  { readonly document: JsonObject; readonly fetchedAtMs?: number } | { readonly failure: ResolutionFailure };

/** How a document is wanted. */
export interface DocumentAsk {
  /** What it is, as the codes of failures begin. */
  readonly what: "metadata" | "keys";
  /** How old a copy may be that is taken without asking the server, in milliseconds. */
  readonly freshForMs: number;
  /** How old a copy may be that is taken while the server cannot be asked, in milliseconds. */
  readonly staleForMs: number;
  /** Ends the waiting, not the request, which others share. */
  readonly signal: AbortSignal;
}

/** A cache of documents. Never rejects. */
export interface JsonDocuments {
  get(url: string, ask: DocumentAsk): Promise<Fetched>;
}

/** What {@link createJsonDocuments} is given. */
export interface JsonDocumentsOptions {
  readonly fetch: FetchLike;
  readonly clock: Clock;
}

const TIMEOUT_MS = 10_000;
const MAX_ENTRIES = 100;

interface Copy {
  readonly document: JsonObject;
  readonly fetchedAtMs: number;
}

interface Entry {
  /** The last good copy, which stays while the server cannot be asked. */
  readonly copy?: Copy | undefined;
  readonly pending?: Promise<Fetched>;
}

/** Makes an empty cache. */
export function createJsonDocuments({ fetch, clock }: JsonDocumentsOptions): JsonDocuments {
  const entries = new Map<string, Entry>();

  async function refetch(url: string, what: DocumentAsk["what"], copy: Copy | undefined): Promise<Fetched> {
    const fetched = await fetchDocument(url, what, fetch, clock);
    if ("document" in fetched)
      remember(url, { copy: { document: fetched.document, fetchedAtMs: clock.nowMs() } });
    else if (fetched.failure.kind === "not_sent" && copy !== undefined) remember(url, { copy });
    else entries.delete(url);
    return fetched;
  }

  function remember(url: string, entry: Entry): void {
    entries.delete(url);
    entries.set(url, entry);
    const [oldest] = entries.keys();
    if (entries.size > MAX_ENTRIES && oldest !== undefined) entries.delete(oldest);
  }

  return {
    async get(url, { what, freshForMs, staleForMs, signal }) {
      const { copy, pending } = entries.get(url) ?? {};
      const ageMs = copy === undefined ? Number.POSITIVE_INFINITY : clock.nowMs() - copy.fetchedAtMs;
      if (copy !== undefined && ageMs < freshForMs) return copy;
      const fetching = pending ?? refetch(url, what, copy);
      if (pending === undefined) remember(url, { copy, pending: fetching });
      try {
        const fetched = await untilAborted(fetching, signal);
        if ("document" in fetched || fetched.failure.kind !== "not_sent") return fetched;
        return copy !== undefined && ageMs < staleForMs ? copy : fetched;
      } catch {
        return { failure: { kind: "not_sent", code: `${what}_timeout` } };
      }
    },
  };
}

async function fetchDocument(
  url: string,
  what: DocumentAsk["what"],
  fetch: FetchLike,
  clock: Clock,
): Promise<Fetched> {
  const deadline = new AbortController();
  const finished = new AbortController();
  void clock.sleep(TIMEOUT_MS, finished.signal).then(() => deadline.abort());
  try {
    const init = { method: "GET", headers: { accept: "application/json" } };
    const response = await send(fetch, url, init, deadline.signal);
    const { status, headers } = response;
    if (status !== 200) {
      discardBody(response);
      return { failure: refused(what, status, retryAfterMsFrom(headers, clock.nowMs())) };
    }
    const body = await readBody(response, { signal: deadline.signal });
    const parsed = parseBody({ status, headers, body });
    if (parsed.kind === "object") return { document: parsed.members };
    return { failure: { kind: "not_sent", code: `${what}_unreadable` } };
  } catch (error) {
    return { failure: { kind: "not_sent", code: `${what}_${classifyThrow(error).code}` } };
  } finally {
    finished.abort();
  }
}

function refused(
  what: DocumentAsk["what"],
  status: number,
  retryAfterMs: number | undefined,
): ResolutionFailure {
  const transient = status === 408 || status === 429 || status >= 500;
  return {
    kind: transient ? "not_sent" : "config",
    code: `${what}_http_${status}`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}
