/**
 * A plain load balancer: each request goes to the next process. One that does not take the connection is passed over, as
 * usual; a request that was cut is answered with 502, because nobody can tell whether it did something.
 */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A running load balancer. */
export interface RoundRobin {
  readonly url: string;
  /** Requests that were cut while a process answered them. */
  cut(): number;
  stop(): Promise<void>;
}

/** Starts one before processes on these ports, which may come and go. */
export async function roundRobin(port: number, ports: readonly number[]): Promise<RoundRobin> {
  let next = 0;
  let cut = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => pass(request, response, Buffer.concat(chunks), ports.length));
  });
  const pass = (request: IncomingMessage, response: ServerResponse, body: Buffer, left: number): void => {
    const target = ports[next++ % ports.length];
    const { method, url, headers } = request;
    const onward = httpRequest({ host: "127.0.0.1", port: target, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    onward.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" && left > 1) return pass(request, response, body, left - 1);
      cut++;
      if (response.headersSent) return void response.destroy();
      response.writeHead(502).end("cut");
    });
    onward.end(body);
  };
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    cut: () => cut,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
