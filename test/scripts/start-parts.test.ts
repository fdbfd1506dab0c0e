/** The parts of `npm start` that a newcomer meets when something is in the way. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { keptJson } from "../../examples/servers/lib/kept-json.ts";
import { apiEnvironment, appEnvironment, issuerEnvironment, readDemo } from "../../scripts/lib/demo.ts";
import { EXAMPLES } from "../../scripts/lib/examples.ts";
import { fingerprint } from "../../scripts/lib/fingerprint.ts";
import { freePort, requireFreePorts } from "../../scripts/lib/ports.ts";
import { processGroup } from "../../scripts/lib/process-group.ts";
import { childEnvironment, CommandFailed, run } from "../../scripts/lib/run.ts";
import { waitFor } from "../../scripts/lib/wait-for.ts";

const SECRETS = { nextAuthSecret: "n", nolapseSecret: "s", clientSecret: "c", apiClientSecret: "a" };

/** Not every machine has IPv6. */
const HAS_IPV6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);
const HOSTS = ["127.0.0.1", "0.0.0.0", ...(HAS_IPV6 ? ["::1"] : [])];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nolapse-start-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  vi.unstubAllEnvs();
});

const listen = (host: string): Promise<{ server: Server; port: number }> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, host, () => resolve({ server, port: (server.address() as AddressInfo).port }));
  });

describe("a port that is taken", () => {
  it.each(HOSTS)("is named with the variable that changes it, when %s has it", async (host) => {
    const { server, port } = await listen(host);

    const wanted = requireFreePorts([{ port, host: "127.0.0.1", what: "the app", variable: "PORT" }]);

    await expect(wanted).rejects.toThrow(
      new RegExp(`Port ${port}, which the app needs, .*\n.*PORT=\\d+ npm start`),
    );
    server.close();
  });

  it("is told from a free one", async () => {
    const port = await freePort();

    await requireFreePorts([{ port, host: "127.0.0.1", what: "the app", variable: "PORT" }]);
  });

  it("is not given to two servers", async () => {
    const port = await freePort();
    const both = ["PORT", "AS_PORT"].map((variable) => ({ port, host: "127.0.0.1", what: "it", variable }));

    await expect(requireFreePorts(both)).rejects.toThrow(`PORT and AS_PORT are both ${port}`);
  });
});

describe.each(Object.values(EXAMPLES))("the demonstration's settings with $name", (example) => {
  it("keep everything on the loopback, with the issuer under another name than the app", () => {
    const demo = readDemo(example);

    expect(demo).toMatchObject({
      host: "127.0.0.1",
      appUrl: "http://localhost:3000",
      issuer: "http://127.0.0.1:4001",
      apiUrl: "http://127.0.0.1:4002",
      tokenTtlSeconds: 60,
    });
    expect(issuerEnvironment(demo, SECRETS)).toMatchObject({ HOST: "127.0.0.1", PORT: "4001" });
    expect(apiEnvironment(demo, SECRETS)).toMatchObject({ HOST: "127.0.0.1", PORT: "4002" });
  });

  it("give the app and the authorization server the same idea of each other", () => {
    vi.stubEnv("PORT", "3210");
    vi.stubEnv("AS_PORT", "4210");
    const demo = readDemo(example);

    expect(appEnvironment(example, demo, SECRETS)["OIDC_ISSUER"]).toBe(
      issuerEnvironment(demo, SECRETS)["ISSUER"],
    );
    expect(issuerEnvironment(demo, SECRETS)["REDIRECT_URIS"]).toBe(
      "http://localhost:3210/api/auth/callback/demo",
    );
  });

  it("follow an address with a route of its own", () => {
    vi.stubEnv(example.urlVariable, "https://app.example/custom-route/api/auth");

    expect(issuerEnvironment(readDemo(example), SECRETS)["REDIRECT_URIS"]).toBe(
      "https://app.example/custom-route/api/auth/callback/demo",
    );
  });

  it("name the variable that makes no sense", () => {
    vi.stubEnv("TOKEN_TTL_SECONDS", "soon");

    expect(() => readDemo(example)).toThrow(
      'TOKEN_TTL_SECONDS is "soon": it has to be a whole number from 5 to 86400',
    );
  });
});

describe("kept secrets", () => {
  it("are made once, for the owner alone, also when two processes start at the same moment", async () => {
    const path = join(folder, "new/secrets.json");

    const made = await Promise.all([1, 2, 3].map((n) => keptJson(path, async () => ({ made: n }))));

    expect(new Set(made.map(({ made: n }) => n)).size).toBe(1);
    expect(await keptJson(path, () => ({ made: 4 }))).toEqual(made[0]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

describe("a group of programs", () => {
  const program = (name: string, code: string): Parameters<ReturnType<typeof processGroup>["start"]>[0] => {
    const file = join(folder, `${name}.mjs`);
    writeFileSync(file, code);
    return { name, args: [file], cwd: folder, env: childEnvironment() };
  };

  it("shows whose line is whose, and ends with everything its programs started", async () => {
    const lines: string[] = [];
    const group = processGroup((line) => lines.push(line), false);
    const pidFile = join(folder, "pid");
    const stubborn = `
      import { spawn } from "node:child_process"; import { writeFileSync } from "node:fs";
      process.on("SIGTERM", () => undefined); setInterval(() => undefined, 1000);
      const child = spawn(process.execPath, ["-e", "setInterval(()=>{},1000)"], { stdio: "ignore" });
      writeFileSync(${JSON.stringify(pidFile)}, String(child.pid)); console.log("stubborn is up");`;
    group.start(program("good", `console.log("good is up"); setInterval(() => undefined, 1000);`));
    group.start(program("bad", stubborn));
    await vi.waitFor(() => expect(lines.sort()).toEqual(["bad stubborn is up", "good good is up"]), 10_000);

    await group.stop(200);

    expect(await group.firstEnd).toMatchObject({ name: "good", signal: "SIGTERM" });
    const grandchild = Number(readFileSync(pidFile, "utf8"));
    await vi.waitFor(() => expect(() => process.kill(grandchild, 0)).toThrow(), 5_000);
  });

  it("reports the first that ends by itself", async () => {
    const group = processGroup(() => undefined, false);
    group.start(program("short", "process.exit(3);"));

    expect(await group.firstEnd).toEqual({ name: "short", code: 3, signal: null });
    await group.stop();
  });
});

describe("a command", () => {
  it("shows the end of its output when it fails, and stops when told to", async () => {
    const failing = run(process.execPath, ["-e", "console.error('because');process.exit(4)"], {
      cwd: folder,
    });
    await expect(failing).rejects.toThrow(/ended with 4\nbecause/);
    await expect(failing).rejects.toBeInstanceOf(CommandFailed);

    const controller = new AbortController();
    const endless = run(process.execPath, ["-e", "setInterval(()=>{},1000)"], {
      cwd: folder,
      signal: controller.signal,
    });
    controller.abort(new Error("enough"));
    await expect(endless).rejects.toThrow("enough");
  });
});

describe("waiting for a server", () => {
  it("ends with what was seen last", async () => {
    const port = await freePort();
    const waited = waitFor(`http://127.0.0.1:${port}/`, 150, new AbortController().signal);

    await expect(waited).rejects.toThrow(/did not answer within 0.15 s/);
  });
});

describe("a fingerprint", () => {
  it("changes with a file's content and name, and with nothing that is made from the sources", () => {
    writeFileSync(join(folder, "a.ts"), "1");
    const before = fingerprint(folder, ["."]);
    writeFileSync(join(folder, "next-env.d.ts"), "made");

    expect(fingerprint(folder, ["."])).toBe(before);
    writeFileSync(join(folder, "a.ts"), "2");
    expect(fingerprint(folder, ["."])).not.toBe(before);
    expect(fingerprint(folder, ["."], "extra")).not.toBe(fingerprint(folder, ["."]));
  });
});
