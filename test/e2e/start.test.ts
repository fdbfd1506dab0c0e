/** `npm start`, as a newcomer meets it. The example is built before the first test. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { ROOT, TEST_BUILD } from "../../scripts/lib/paths.ts";
import { freePort } from "../../scripts/lib/ports.ts";
import { browserless, signInWithProvider } from "./support/browserless.ts";
import { EXAMPLE } from "./support/example.ts";
import { LOGINS } from "./support/servers.ts";

let dataDir: string;
let started: ChildProcess | undefined;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "nolapse-start-"));
});
afterEach(async () => {
  if (started?.exitCode === null && started.signalCode === null) {
    started.kill("SIGKILL");
    await once(started, "exit");
  }
  rmSync(dataDir, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  output(): string;
}

function start(ports: { readonly app: number; readonly issuer: number; readonly api: number }): Started {
  const child = spawn(
    process.execPath,
    ["scripts/check-node.mjs", "scripts/start.ts", ...EXAMPLE.startArguments],
    {
      cwd: ROOT,
      env: {
        ...process.env,
        NODE_ENV: "production",
        NEXT_DIST_DIR: TEST_BUILD,
        PORT: String(ports.app),
        AS_PORT: String(ports.issuer),
        API_PORT: String(ports.api),
        DATA_DIR: dataDir,
        TOKEN_TTL_SECONDS: "12",
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  started = child;
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  return { child, output: () => output };
}

async function freePorts(): Promise<{ app: number; issuer: number; api: number }> {
  const [app, issuer, api] = [await freePort(), await freePort(), await freePort()];
  return { app, issuer, api };
}

const reaches = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const end = (reached: boolean): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });

describe("npm start", () => {
  it("says which port is taken and how to choose another, before it builds anything", async () => {
    const ports = await freePorts();
    const other = createServer().listen(ports.issuer, "127.0.0.1");
    await once(other, "listening");

    const { child, output } = start(ports);
    const [code] = (await once(child, "close")) as [number | null];
    other.close();

    expect(code).toBe(1);
    expect(output()).toMatch(
      new RegExp(`Port ${ports.issuer}, which the authorization server needs, is taken`),
    );
    expect(output()).toMatch(/AS_PORT=\d+ npm start/);
    expect(output()).not.toContain("installing");
  });

  it("runs on the loopback alone, tells what to do, and ends with 0 on Ctrl-C while a stream is open", async () => {
    const ports = await freePorts();
    const { child, output } = start(ports);
    await vi.waitFor(() => expect(output()).toContain("Ctrl-C ends everything"), {
      timeout: 240_000,
      interval: 200,
    });
    const url = `http://localhost:${ports.app}`;
    const browser = browserless();
    const app = { url, providerId: "demo", callbackUrl: `${url}/protected` };
    const page = await signInWithProvider(browser, app, LOGINS.alice);
    const cookie = await browser.jar.getCookieString(url);
    const stream = await fetch(`${url}/api/live`, { headers: { cookie, accept: "text/event-stream" } });
    const outside = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .find(({ internal, family }) => !internal && family === "IPv4")?.address;
    const numbers = Object.values(ports);
    const reached =
      outside === undefined ? [] : await Promise.all(numbers.map((port) => reaches(outside, port)));
    const askedAtMs = Date.now();

    child.kill("SIGINT");
    const [code] = (await once(child, "close")) as [number | null];

    expect([page.status, page.url]).toEqual([200, `${url}/protected`]);
    expect(stream.headers.get("content-type")).toContain("text/event-stream");
    expect(reached).not.toContain(true);
    expect(code).toBe(0);
    expect(Date.now() - askedAtMs).toBeLessThan(8_000);
    const stillThere = await Promise.all(numbers.map((port) => reaches("127.0.0.1", port)));
    expect(stillThere).toEqual([false, false, false]);
    for (const said of [url, `${url}/live`, "alice-demo", "carol-demo", "12 s"])
      expect(output()).toContain(said);
    expect(output()).not.toContain("\u001b[");
    expect(statSync(join(dataDir, "secrets.json")).mode & 0o777).toBe(0o600);
    await stream.body?.cancel().catch(() => undefined);
  });
});
