/**
 * A serverless platform on this machine: each request gets a process of its own, which begins cold, and which the platform
 * ends, kills or freezes as soon as it has the response.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";

import type { FunctionMessage } from "./function-process.ts";

/** What the platform does with a process that has answered. */
export type Afterwards = "exit" | "kill" | "freeze";

/** A platform that runs one app. */
export interface FunctionHost {
  readonly url: string;
  /** What becomes of the process of the `count`-th request, from 1. At first every second one is killed. */
  afterwards: (count: number) => Afterwards;
  /** How many processes it has started. */
  started(): number;
  /** Resolves once every process that has answered is exited, killed or frozen. */
  atRest(): Promise<void>;
  /** What the processes printed. */
  output(): string;
  /** Ends all processes. */
  stop(): Promise<void>;
}

/** What {@link startFunctionHost} takes. */
export interface FunctionHostOptions {
  readonly port: number;
  /** The bundled function. */
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
}

interface Instance {
  readonly child: ChildProcess;
  readonly port: number;
}

const STARTS_WITHIN_MS = 60_000;

/** Starts it. Frozen processes thaw for later requests, the last one first, before new ones are started. */
export async function startFunctionHost(options: FunctionHostOptions): Promise<FunctionHost> {
  const { file, env } = options;
  const platformWaits = env["PLATFORM_WAITS"] === "1";
  const alive = new Set<ChildProcess>();
  const frozen: Instance[] = [];
  const serving = new Set<Promise<void>>();
  let [count, started, output] = [0, 0, ""];

  const start = async (): Promise<Instance> => {
    started++;
    const child = fork(file, {
      env: { ...env, PATH: process.env["PATH"], NODE_ENV: "production" },
      execArgv: [],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    alive.add(child);
    child.once("exit", () => alive.delete(child));
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
    const signal = AbortSignal.timeout(STARTS_WITHIN_MS);
    const ended = once(child, "exit", { signal }).then(() => {
      throw new Error(`A function ended before it listened:\n${output.slice(-2_000)}`);
    });
    const [message] = (await Promise.race([once(child, "message", { signal }), ended])) as [FunctionMessage];
    ended.catch(() => undefined);
    if (message.type !== "listening") throw new Error("A function spoke before it listened");
    return { child, port: message.port };
  };

  const thawed = (): Instance | undefined => {
    const instance = frozen.pop();
    instance?.child.kill("SIGCONT");
    return instance;
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const next = host.afterwards(++count);
    const instance = thawed() ?? (await start());
    const { child, port } = instance;
    // A platform with waitUntil keeps the process awake for what was handed to it; any other does not.
    const settled = platformWaits ? once(child, "message") : undefined;
    await pass(request, response, port);
    await settled;
    if (next === "kill") child.kill("SIGKILL");
    else if (next === "exit") child.disconnect();
    else if (child.kill("SIGSTOP")) frozen.push(instance);
  };

  const server = createServer((request, response) => {
    const served = serve(request, response).catch((error: unknown) => {
      output += `${String(error)}\n`;
      if (response.headersSent) return void response.destroy();
      response.writeHead(502).end(String(error));
    });
    serving.add(served);
    void served.then(() => serving.delete(served));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const host: FunctionHost = {
    url: `http://localhost:${options.port}`,
    afterwards: (number) => (number % 2 === 0 ? "kill" : "exit"),
    started: () => started,
    async atRest() {
      while (serving.size > 0) await Promise.all(serving);
    },
    output: () => output,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      const ends = [...alive].map((child) => once(child, "exit"));
      for (const child of alive) child.kill("SIGKILL");
      await Promise.all(ends);
    },
  };
  return host;
}

/** Passes a request on, and ends once the whole response is here: what the client gets of it is not the function's. */
async function pass(request: IncomingMessage, response: ServerResponse, port: number): Promise<void> {
  const { method, url, headers } = request;
  const onward = httpRequest({ host: "127.0.0.1", port, method, path: url, headers, agent: false });
  request.pipe(onward);
  const [answer] = (await once(onward, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  response.end(Buffer.concat(chunks));
}
