/**
 * The two bodies of a call, passed on piece by piece as the other side takes them, within bounds.
 *
 * @module
 */
import type { Call, CallEnd } from "./call.ts";

/** A body as it is passed on. */
export type Bytes = ReadableStream<Uint8Array<ArrayBuffer>>;

/** The body of a request. */
export interface Upload {
  readonly body: Bytes | Uint8Array<ArrayBuffer> | null;
  /** Whether it can be sent a second time. */
  readonly isReplayable: boolean;
  /** The length of a stream, in bytes, where the page has told it. */
  readonly lengthBytes?: number;
}

/** What is compared with a request's body as it comes. */
export interface UploadLimits {
  /** What the page said it would be, in bytes; `undefined` if it did not. */
  readonly lengthBytes: number | undefined;
  readonly maxReplayBytes: number;
  readonly maxRequestBytes: number;
  readonly timeoutMs: number;
}

/** An event stream's comment, which readers pass over. */
const COMMENT = new TextEncoder().encode(":\n\n");
/** How long the rest of a body is taken after an early answer, in milliseconds: as web servers do (lingering close). */
const LINGER_MS = 30_000;

/**
 * The body for the API: whole where it is small and its length known, so that it can be sent again; else a stream that gives
 * the API time as long as it moves. One whose length nobody tells is waited for until it begins or turns out to be none: Next
 * gives a stream for a request without a body, too, and in HTTP/2 no header has to tell them apart.
 *
 * `undefined` if the call ended meanwhile.
 *
 * @see [RFC 9113, section 8.1.1](https://www.rfc-editor.org/rfc/rfc9113.html#section-8.1.1)
 */
export async function uploadOf(
  body: Bytes | null,
  limits: UploadLimits,
  call: Call,
): Promise<Upload | undefined> {
  const { lengthBytes, maxReplayBytes } = limits;
  if (body === null) return noUpload(limits, call);
  const bounded = boundedUpload(body, limits, call);
  try {
    if (lengthBytes === undefined) return await begunUpload(bounded);
    if (lengthBytes > maxReplayBytes) return { body: bounded, isReplayable: false, lengthBytes };
    const whole = new Uint8Array(await new Response(bounded).arrayBuffer());
    return { body: lengthBytes === 0 ? null : whole, isReplayable: true };
  } catch {
    call.end("client_gone");
    return undefined;
  }
}

function noUpload(limits: UploadLimits, call: Call): Upload | undefined {
  const fault = faultIn(0, true, limits);
  if (fault === undefined) return { body: null, isReplayable: true };
  call.end(fault);
  return undefined;
}

async function begunUpload(bounded: Bytes): Promise<Upload> {
  const [first, body] = bounded.tee();
  const reader = first.getReader();
  const { done } = await reader.read();
  // Or it would keep what the API takes.
  void reader.cancel().catch(ignore);
  return done ? { body: null, isReplayable: true } : { body, isReplayable: false };
}

/**
 * The body within its bounds. The piece that completes the length that was told waits for the end: an API that has all of
 * it acts, and more may follow.
 */
function boundedUpload(body: Bytes, limits: UploadLimits, call: Call): Bytes {
  const reader = body.getReader();
  let takenBytes = 0;
  let last: Uint8Array<ArrayBuffer> | undefined;
  let isStopped = false;
  const stop = (): void => {
    if (!isStopped) void discard(reader);
    isStopped = true;
  };
  return new ReadableStream(
    {
      start(controller) {
        call.afterwards(() => {
          // A page may be silent for ever, and Node's fetch lets go of a body whose answer came early without a word.
          controller.error(new Error("The call has ended"));
          stop();
        });
      },
      async pull(controller) {
        try {
          for (;;) {
            call.expect(limits.timeoutMs, "request_timeout");
            const { done, value } = await reader.read();
            if (isStopped) return;
            call.expect(limits.timeoutMs, "api_timeout");
            takenBytes += value?.byteLength ?? 0;
            const fault = faultIn(takenBytes, done, limits);
            if (fault !== undefined) return call.end(fault);
            if (done && last !== undefined) controller.enqueue(last);
            if (done) return controller.close();
            if (takenBytes !== limits.lengthBytes) return controller.enqueue(value);
            last ??= value;
          }
        } catch {
          if (!isStopped) call.end("client_gone");
        }
      },
      cancel: stop,
    },
    { highWaterMark: 0 },
  );
}

/** What is wrong with a body of which so much has come. One that ended short must not look whole to the API. */
function faultIn(
  takenBytes: number,
  isEnd: boolean,
  { lengthBytes = takenBytes, maxRequestBytes }: UploadLimits,
): CallEnd | undefined {
  if (takenBytes > lengthBytes || (isEnd && takenBytes < lengthBytes)) return "request_length_mismatch";
  return takenBytes > maxRequestBytes ? "request_too_large" : undefined;
}

/**
 * Takes the rest of a body and throws it away. To cancel it would cut the connection, and with it an answer that the page
 * reads only when it has sent everything. Never rejects.
 */
async function discard(reader: ReadableStreamDefaultReader<unknown>): Promise<void> {
  const patience = setTimeout(() => void reader.cancel().catch(ignore), LINGER_MS);
  patience.unref();
  try {
    while (!(await reader.read()).done);
  } catch {
    // The page has gone.
  } finally {
    clearTimeout(patience);
  }
}

/**
 * The body for the page. Ends the call when it is through.
 *
 * An event stream begins with a comment, because Next sends the headers of an answer only with its first piece, and is
 * closed when its time is over: whoever reads it asks again. Any other answer that is cut off ends in an error, so that
 * nobody takes it for a whole one.
 */
export function downloadOf(
  body: Bytes,
  limits: { readonly maxBytes: number; readonly idleTimeoutMs: number; readonly isEventStream: boolean },
  call: Call,
): Bytes {
  const reader = body.getReader();
  let givenBytes = 0;
  return new ReadableStream(
    {
      start: (controller) => {
        if (limits.isEventStream) controller.enqueue(COMMENT);
      },
      async pull(controller) {
        call.expect(limits.idleTimeoutMs, "api_timeout");
        try {
          const { done, value } = await reader.read();
          call.expectNothing();
          if (done) {
            call.over();
            return controller.close();
          }
          givenBytes += value.byteLength;
          if (givenBytes > limits.maxBytes) call.end("answer_too_large");
          if (call.ended() === undefined) controller.enqueue(value);
          else controller.error(cutOff(call));
        } catch {
          if (limits.isEventStream && call.ended() === "duration") controller.close();
          else controller.error(cutOff(call));
          call.over();
        }
      },
      cancel() {
        call.end("client_gone");
        return reader.cancel().catch(ignore);
      },
    },
    { highWaterMark: 0 },
  );
}

/** What is said of an answer that nobody takes any more, or that broke off: Next keeps silent about the first. */
function cutOff(call: Call): Error {
  const why = call.ended() ?? "api_unavailable";
  if (why === "client_gone") return new DOMException("The page has left", "AbortError");
  return new Error(`The answer of the API was cut off (${why})`);
}

function ignore(): void {
  // It has ended already.
}
