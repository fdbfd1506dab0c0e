/**
 * Calls of the API from the browser, through the app's token handler.
 *
 * @module
 */
import { withBasePath } from "@/lib/base-path";
import type { Problem } from "@/lib/problems";

/** As `fetch`, with a path of the API. */
export function callApi(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  // The token handler asks for it, because a page of another site cannot send it.
  headers.set("x-nolapse-csrf", "1");
  return fetch(withBasePath(`/api/proxy/shop${path}`), { ...init, headers, cache: "no-store" });
}

/** What an answer that is not good means: the token handler's own code, or the API's status. */
export async function problemOf(answer: Response): Promise<Problem> {
  const code = answer.headers.get("x-nolapse-error");
  if (code === null) return { code: "api_refused", status: answer.status };
  const { reason } = (await answer.json()) as { reason?: string };
  const known = [
    "not_signed_in",
    "no_token",
    "reauthentication_required",
    "refresh_unavailable",
    "store_failed",
  ];
  const shown = known.includes(code) ? (code as Problem["code"]) : "api_unavailable";
  return { code: shown, ...(reason !== undefined && { reason }) };
}

/** The data of each event of an event stream. `EventSource` sends no headers, and this works with any method. */
export async function* eventsOf(answer: Response): AsyncGenerator<string> {
  if (answer.body === null) return;
  let text = "";
  for await (const piece of piecesOf(answer.body.pipeThrough(new TextDecoderStream()))) {
    const blocks = (text + piece).split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n").filter((line) => line.startsWith("data:"));
      if (lines.length > 0) yield lines.map((line) => line.slice(5).trimStart()).join("\n");
    }
  }
}

/** Not every browser can loop over a stream. */
async function* piecesOf(stream: ReadableStream<string>): AsyncGenerator<string> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
