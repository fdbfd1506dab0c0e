/** The route for back-channel logouts of an app, on a port of its own: the authorization server has to reach it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A route that is there before its app is. */
export interface LogoutRoute {
  readonly url: string;
  /** The function of the app; set once there is one. */
  answer: (request: Request) => Promise<Response>;
}

/** Starts a route. It ends with the test. */
export async function startLogoutRoute(): Promise<LogoutRoute> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const headers = { "content-type": request.headers["content-type"] ?? "" };
      const init = { method: request.method ?? "", headers, body: Buffer.concat(chunks) };
      void route.answer(new Request(route.url, init)).then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const route: LogoutRoute = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/backchannel-logout`,
    answer: () => Promise.reject(new Error("There is no app yet")),
  };
  return route;
}
