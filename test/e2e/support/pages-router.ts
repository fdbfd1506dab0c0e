/** What Next adds to Node's request and response for a route of the Pages Router, for apps in plain Node. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** A request as a Pages Router route gets it. */
export interface PagesRequest extends IncomingMessage {
  query: Record<string, string | string[]>;
  cookies: Partial<Record<string, string>>;
  body: unknown;
}

/** A response as a Pages Router route gets it. */
export interface PagesResponse extends ServerResponse {
  status(code: number): PagesResponse;
  json(body: unknown): void;
  send(body: unknown): void;
}

/** The request with query, cookies and body. Below `/api/auth/` the path is in `query.nextauth`. */
export async function asPagesRequest(plain: IncomingMessage): Promise<PagesRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of plain as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  const isJson = plain.headers["content-type"]?.includes("json");
  const { pathname, searchParams } = new URL(plain.url ?? "/", "http://localhost");
  const cookies = (plain.headers.cookie ?? "")
    .split("; ")
    .filter((pair) => pair.includes("="))
    .map((pair): [string, string] => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), decodeURIComponent(pair.slice(at + 1))];
    });
  return Object.assign(plain, {
    query: { ...Object.fromEntries(searchParams), nextauth: pathname.split("/").slice(3) },
    cookies: Object.fromEntries(cookies),
    body: isJson ? (JSON.parse(text) as unknown) : Object.fromEntries(new URLSearchParams(text)),
  });
}

/** The response with `status`, `json` and `send`. */
export function asPagesResponse(plain: ServerResponse): PagesResponse {
  const response = Object.assign<ServerResponse, Omit<PagesResponse, keyof ServerResponse>>(plain, {
    status(code: number): PagesResponse {
      response.statusCode = code;
      return response;
    },
    json(body: unknown): void {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(body));
    },
    send(body: unknown): void {
      if (typeof body === "object" && body !== null) return response.json(body);
      response.end(typeof body === "string" ? body : "");
    },
  });
  return response;
}
