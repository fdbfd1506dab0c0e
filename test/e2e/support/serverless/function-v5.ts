/** A function of an Auth.js v5 app. */
import type { IncomingMessage } from "node:http";
import { NextRequest } from "next/server.js";
import { check, getAccessToken, handlers } from "@/auth";

import { serve } from "./function-process.ts";

serve({
  check,
  async route(request, response) {
    const run = request.method === "POST" ? handlers.POST : handlers.GET;
    const answer = await run(await asNextRequest(request));
    for (const [name, value] of answer.headers) response.appendHeader(name, value);
    response.statusCode = answer.status;
    response.end(await answer.text());
  },
  accessToken: async (request) =>
    (await getAccessToken(await asNextRequest(request), { minValidityMs: 2_000 })).accessToken,
});

async function asNextRequest(plain: IncomingMessage): Promise<NextRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of plain as AsyncIterable<Buffer>) chunks.push(chunk);
  const headers = new Headers(
    Object.entries(plain.headers).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return new NextRequest(`http://${plain.headers.host ?? "localhost"}${plain.url ?? "/"}`, {
    headers,
    method: plain.method ?? "GET",
    ...(plain.method === "POST" && { body: Buffer.concat(chunks) }),
  });
}
