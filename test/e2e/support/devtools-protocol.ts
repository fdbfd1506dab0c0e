/**
 * Chromium by its DevTools protocol, without Playwright: that keeps every page visible and awake, and here tabs are hidden,
 * throttled, frozen, crashed and put into the back/forward cache by the browser itself.
 *
 * @see https://chromedevtools.github.io/devtools-protocol/
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CHROMIUM_FLAGS, CHROMIUM_PATH } from "./chromium.ts";

type Params = Readonly<Record<string, unknown>>;
/** Hears the events of one session: a tab's, or the browser's own. */
export type OnEvent = (method: string, params: Record<string, unknown>) => void;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
  readonly sessionId?: string;
}

/** A connection to a browser. */
export interface Protocol {
  /** Rejects with the browser's own words, and when the browser ends or does not answer in time. */
  send(method: string, params?: Params, session?: string): Promise<Record<string, unknown>>;
  /** One listener for each session. */
  listen(session: string, onEvent: OnEvent): void;
  /** Ends the browser, and what it stored. */
  close(): Promise<void>;
}

const START_LIMIT_MS = 30_000;
const ANSWER_LIMIT_MS = 30_000;

/** How a browser is started. */
export interface ProtocolOptions {
  /**
   * Whether the tabs of a profile that show one site share a process, which takes a third less to open them. They crash
   * together then. Visibility, throttling and freezing are each tab's own all the same. Default: false.
   */
  readonly sharesProcess?: boolean;
}

/** Starts a browser of its own for the caller. */
export async function launchProtocol({ sharesProcess = false }: ProtocolOptions = {}): Promise<Protocol> {
  if (CHROMIUM_PATH === undefined) throw new Error("No Chromium found: install it, or set CHROMIUM_PATH");
  const folder = await mkdtemp(join(tmpdir(), "nolapse-chromium-"));
  const flags = [
    ...["--headless=new", "--remote-debugging-port=0", `--user-data-dir=${folder}`],
    // Nobody looks at it, and each tab is painted when it opens.
    "--window-size=400,300",
    ...(sharesProcess ? ["--process-per-site"] : []),
  ];
  const child = spawn(CHROMIUM_PATH, [...flags, ...CHROMIUM_FLAGS, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const socket = new WebSocket(await addressOf(child));
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", () => reject(new Error("Chromium did not take the connection")), {
      once: true,
    });
  });
  return protocolOver(socket, async () => {
    await ended(child);
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
}

function addressOf(child: ChildProcess): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Chromium did not start: ${said}`)), START_LIMIT_MS);
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`Chromium ended at its start: ${said}`)));
    child.stderr?.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4_000);
      const address = /ws:\/\/\S+/.exec(said)?.[0];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}

function protocolOver(socket: WebSocket, stop: () => Promise<void>): Protocol {
  const waiting = new Map<number, (message: Message) => void>();
  const listeners = new Map<string, OnEvent>();
  let lastId = 0;
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    else if (message.method !== undefined)
      listeners.get(message.sessionId ?? "")?.(message.method, message.params ?? {});
  });
  socket.addEventListener("close", () => {
    for (const answer of waiting.values()) answer({ error: { message: "the browser has ended" } });
  });
  return {
    send: (method, params = {}, session) =>
      new Promise((resolve, reject) => {
        const id = ++lastId;
        const timer = setTimeout(
          () => waiting.get(id)?.({ error: { message: "no answer" } }),
          ANSWER_LIMIT_MS,
        );
        waiting.set(id, ({ result, error }) => {
          clearTimeout(timer);
          waiting.delete(id);
          if (error) reject(new Error(`${method}: ${error.message}`));
          else resolve(result ?? {});
        });
        socket.send(
          JSON.stringify({ id, method, params, ...(session !== undefined && { sessionId: session }) }),
        );
      }),
    listen: (session, onEvent) => void listeners.set(session, onEvent),
    async close() {
      socket.close();
      await stop();
    },
  };
}

/** Debian's `chromium` is a script; its whole group has to end. */
function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.pid === undefined) return resolve();
    child.once("exit", () => resolve());
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      resolve();
    }
  });
}
