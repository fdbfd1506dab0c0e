/**
 * The stream behind the live page.
 *
 * @module
 */
import { listenerCount, messageSince, observe, subscribe } from "@/lib/live/hub";

/** Changes within this time travel in one message, in milliseconds. */
const GATHER_MS = 200;
/** A comment goes out at this pace, so that proxies keep the connection and a dead one is noticed. In milliseconds. */
const HEARTBEAT_MS = 15_000;
/** After this the stream ends and the browser opens a new one, which asks again who is signed in. In milliseconds. */
const MAX_LIFE_MS = 300_000;
/** Streams of one sign-in that are open at once. */
const MAX_STREAMS = 12;
/** Messages that wait for a slow reader before it is dropped. */
const MAX_WAITING = 64;

const KEY = Symbol.for("nolapse-example.open-streams");
const shared = globalThis as { [KEY]?: Set<() => void> };

/** What ends each open stream. Open ones would hold up the end of the server, which waits for every answer. */
function openStreams(): Set<() => void> {
  return (shared[KEY] ??= endAtShutdown(new Set()));
}

function endAtShutdown(streams: Set<() => void>): Set<() => void> {
  const endAll = (): void => {
    for (const end of streams) end();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, endAll);
  return streams;
}

/** What {@link liveStream} is about. */
export interface LiveStreamOptions {
  /** The sign-in whose events are sent, and no other's. */
  readonly grantRef: string;
  readonly expiresAtMs: number | undefined;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

/** Answers with everything of the last hour, then with what is new, until the browser leaves or the sign-in ends. */
export function liveStream({ grantRef, expiresAtMs, signal }: LiveStreamOptions): Response {
  if (listenerCount(grantRef) >= MAX_STREAMS) {
    return new Response("Too many streams are open", { status: 429, headers: { "retry-after": "30" } });
  }
  observe(grantRef, expiresAtMs, Date.now());
  let end = (): void => undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        end = pump(grantRef, controller);
        if (signal.aborted) end();
        else signal.addEventListener("abort", end, { once: true });
      },
      cancel: () => end(),
    },
    new CountQueuingStrategy({ highWaterMark: MAX_WAITING }),
  );
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
    },
  });
}

/** Writes to the stream until it is told to end. Returns what ends it; ending twice does nothing. */
function pump(grantRef: string, controller: ReadableStreamDefaultController<Uint8Array>): () => void {
  const encoder = new TextEncoder();
  let sentSeq = 0;
  let sentBucketMs = 0;
  let gathering: NodeJS.Timeout | undefined;
  let open = true;

  const write = (text: string): void => {
    if (!open) return;
    if ((controller.desiredSize ?? 0) <= 0) return end();
    controller.enqueue(encoder.encode(text));
  };
  const sendNews = (): void => {
    gathering = undefined;
    const message = messageSince(grantRef, Date.now(), sentSeq, sentBucketMs);
    sentSeq = message.events.at(-1)?.seq ?? sentSeq;
    sentBucketMs = message.buckets.at(-1)?.startMs ?? sentBucketMs;
    write(`data: ${JSON.stringify(message)}\n\n`);
    if (message.events.some(({ kind }) => kind === "ended")) end();
  };
  const unsubscribe = subscribe(grantRef, () => {
    gathering ??= setTimeout(sendNews, GATHER_MS);
  });
  const heartbeat = setInterval(() => write(": still here\n\n"), HEARTBEAT_MS);
  const lifetime = setTimeout(() => end(), MAX_LIFE_MS);

  function end(): void {
    if (!open) return;
    open = false;
    openStreams().delete(end);
    unsubscribe();
    clearInterval(heartbeat);
    clearTimeout(lifetime);
    clearTimeout(gathering);
    try {
      controller.close();
    } catch {
      // The browser has already closed it.
    }
  }

  openStreams().add(end);
  write("retry: 2000\n\n");
  sendNews();
  return end;
}
