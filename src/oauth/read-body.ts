/**
 * Reads the body of an answer once, up to a cap, for as long as the attempt's signal allows (SEC-54).
 *
 * @module
 */

/** The most that is read of an answer, in bytes after decompression: 1 MiB. */
export const MAX_BODY_BYTES: number = 1024 * 1024;

/** What became of a body: its text, or why there is none. */
export type BodyText =
  | { readonly kind: "complete"; readonly text: string }
  /** More bytes than the cap. */
  | { readonly kind: "too_large" }
  /** The connection ended in the middle, or the body could not be read at all. */
  | { readonly kind: "cut" }
  /** The signal was aborted first. */
  | { readonly kind: "timeout" };

/** How {@link readBody} is bounded. */
export interface ReadBodyOptions {
  /** @defaultValue {@link MAX_BODY_BYTES} */
  readonly maxBytes?: number;
  /** Ends the reading at once, even if the stream ignores it. */
  readonly signal?: AbortSignal;
}

const ABORTED = Symbol("aborted");

/**
 * Reads a response's body as UTF-8. Never rejects. Whatever is left unread is cancelled, so that nothing keeps
 * arriving in the background.
 */
export async function readBody(response: Response, options: ReadBodyOptions = {}): Promise<BodyText> {
  const { maxBytes = MAX_BODY_BYTES, signal } = options;
  if (response.bodyUsed) return { kind: "cut" };
  if (response.body === null) return { kind: "complete", text: "" };
  // An application's own fetch may be one without web streams, such as node-fetch.
  if (typeof response.body.getReader !== "function") return readWhole(response, maxBytes, signal);
  const announcedBytes = Number(response.headers.get("content-length") ?? 0);
  if (announcedBytes > maxBytes) {
    discardBody(response);
    return { kind: "too_large" };
  }
  const reader = response.body.getReader();
  const whenAborted = abortion(signal);
  try {
    return await readAll(reader, maxBytes, whenAborted.promise);
  } catch {
    return { kind: signal?.aborted === true ? "timeout" : "cut" };
  } finally {
    whenAborted.forget();
    reader.cancel().catch(() => undefined);
  }
}

/** Lets go of a body that nobody will read. Never throws. */
export function discardBody(response: Response): void {
  const { body } = response;
  if (body === null || typeof body.getReader !== "function" || body.locked) return;
  body.cancel().catch(() => undefined);
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
  whenAborted: Promise<typeof ABORTED>,
): Promise<BodyText> {
  const decoder = new TextDecoder();
  let text = "";
  let readBytes = 0;
  for (;;) {
    const read = reader.read();
    read.catch(() => undefined);
    const chunk = await Promise.race([read, whenAborted]);
    if (chunk === ABORTED) return { kind: "timeout" };
    if (chunk.done) return { kind: "complete", text: text + decoder.decode() };
    readBytes += chunk.value.byteLength;
    if (readBytes > maxBytes) return { kind: "too_large" };
    text += decoder.decode(chunk.value, { stream: true });
  }
}

async function readWhole(
  response: Response,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<BodyText> {
  const whenAborted = abortion(signal);
  try {
    const text = await Promise.race([response.text(), whenAborted.promise]);
    if (text === ABORTED) return { kind: "timeout" };
    return text.length > maxBytes ? { kind: "too_large" } : { kind: "complete", text };
  } catch {
    return { kind: signal?.aborted === true ? "timeout" : "cut" };
  } finally {
    whenAborted.forget();
  }
}

function abortion(signal: AbortSignal | undefined): {
  readonly promise: Promise<typeof ABORTED>;
  readonly forget: () => void;
} {
  let onAbort = (): void => undefined;
  const promise = new Promise<typeof ABORTED>((resolve) => {
    onAbort = () => resolve(ABORTED);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
  return { promise, forget: () => signal?.removeEventListener("abort", onAbort) };
}
