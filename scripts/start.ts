/**
 * `npm start`: the demonstration. Builds what changed, starts the authorization server, the API and the app, says what
 * to look at, and ends them all on Ctrl-C. `npm start -- --authjs` has the app with Auth.js v5.
 *
 * | variable | default |
 * | --- | --- |
 * | `PORT` | `3000`, the app |
 * | `AS_PORT`, `API_PORT` | `4001`, `4002` |
 * | `TOKEN_TTL_SECONDS` | `60`, life of an access token |
 * | `DATA_DIR` | `.data`, what is kept for the next start |
 * | `NEXT_DIST_DIR` | `.next`, where the app is built, within its folder |
 * | `HOST` | the loopback only; `0.0.0.0` lets others in, under `PUBLIC_HOST` |
 *
 * @module
 */
import { join, relative } from "node:path";

import { SettingError } from "../examples/servers/lib/settings.ts";
import { buildApp, nextCli } from "./lib/build-app.ts";
import {
  apiEnvironment,
  appEnvironment,
  demoSecrets,
  issuerEnvironment,
  readDemo,
  type Demo,
} from "./lib/demo.ts";
import { EXAMPLES, type Example } from "./lib/examples.ts";
import { installExample } from "./lib/install-example.ts";
import { SERVERS_FOLDER } from "./lib/paths.ts";
import { PortTaken, requireFreePorts } from "./lib/ports.ts";
import { processGroup, type ProcessGroup } from "./lib/process-group.ts";
import { childEnvironment, CommandFailed } from "./lib/run.ts";
import { NoAnswer, waitFor } from "./lib/wait-for.ts";

const START_LIMIT_MS = 60_000;
const PARENT_CHECK_MS = 500;

const colours = process.stdout.isTTY && !process.env["NO_COLOR"];
const bold = (text: string): string => (colours ? `\u001b[1m${text}\u001b[0m` : text);
const faint = (text: string): string => (colours ? `\u001b[2m${text}\u001b[0m` : text);

/** Why it ends without anything having gone wrong. */
class Asked extends Error {
  override readonly name = "Asked";
}

const ending = endWhenAsked();
const group = processGroup((line) => console.log(line), colours);
try {
  await main(group, ending);
} catch (error) {
  if (!(error instanceof Asked)) {
    console.error(`\n${explain(error)}`);
    process.exitCode = 1;
  }
} finally {
  await group.stop();
}
process.exit();

async function main(servers: ProcessGroup, signal: AbortSignal): Promise<void> {
  const example = chosenExample(process.argv.slice(2));
  const demo = readDemo(example);
  const { host } = demo;
  await requireFreePorts([
    { port: demo.appPort, host, what: "the app", variable: "PORT" },
    { port: demo.issuerPort, host, what: "the authorization server", variable: "AS_PORT" },
    { port: demo.apiPort, host: "127.0.0.1", what: "the API", variable: "API_PORT" },
  ]);

  const onStep = (step: string): void => console.log(faint(`· ${step}`));
  onStep("installing examples/servers");
  await installExample({ folder: SERVERS_FOLDER, signal });
  await buildApp(example, onStep, undefined, signal);

  onStep("starting");
  await startServers(servers, demo, example);
  const stopped = servers.firstEnd.then(({ name, code, signal: by }) => {
    throw new Error(`${name} ended by itself (${by ?? String(code)}); see its lines above`);
  });
  stopped.catch(() => undefined);
  const ready = Promise.all(
    [`${demo.issuer}/health`, `${demo.apiUrl}/health`, localUrl(demo)].map((url) =>
      waitFor(url, START_LIMIT_MS, signal),
    ),
  );
  await Promise.race([ready, stopped]);
  console.log(welcome(demo, example));
  await Promise.race([stopped, aborted(signal)]);
}

function chosenExample(given: readonly string[]): Example {
  const found = Object.values(EXAMPLES).find(
    ({ startArguments }) => startArguments.join(" ") === given.join(" "),
  );
  if (found === undefined)
    throw new SettingError(
      `npm start knows ${EXAMPLES.authjs.startArguments.join(" ")}, and not ${given.join(" ")}; ports are set by PORT, AS_PORT and API_PORT`,
    );
  return found;
}

async function startServers(servers: ProcessGroup, demo: Demo, example: Example): Promise<void> {
  const secrets = await demoSecrets(example, demo);
  const inherited = childEnvironment();
  servers.start({
    name: "[auth]",
    args: [join(SERVERS_FOLDER, "authorization-server/main.ts")],
    cwd: SERVERS_FOLDER,
    env: { ...inherited, ...issuerEnvironment(demo, secrets) },
  });
  servers.start({
    name: "[api] ",
    args: [join(SERVERS_FOLDER, "api/main.ts")],
    cwd: SERVERS_FOLDER,
    env: { ...inherited, ...apiEnvironment(demo, secrets) },
  });
  servers.start({
    name: "[app] ",
    // next-auth 4 still calls url.parse(), and Node would say so among the lines that matter.
    args: [
      "--disable-warning=DEP0169",
      nextCli(example.folder),
      "start",
      "--port",
      String(demo.appPort),
      "--hostname",
      demo.host,
    ],
    cwd: example.folder,
    env: { ...inherited, ...appEnvironment(example, demo, secrets) },
  });
}

/** The page that says that the app is up, by the address that it listens on: the public one may be a proxy's. */
function localUrl({ host, appPort }: Demo): string {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${appPort}/signin`;
}

function welcome(demo: Demo, { startArguments }: Example): string {
  const site = new URL(demo.appUrl).origin;
  const command = ["npm start", ...startArguments].join(" -- ");
  return [
    "",
    `  ${bold("nolapse is running")}  →  ${bold(site)}`,
    "",
    `  1. Sign in at the bundled authorization server as ${bold("alice")} / ${bold("alice-demo")} (or bob / bob-demo),`,
    `     or with the backend's own login as ${bold("carol")} / ${bold("carol-demo")} (or dave / dave-demo).`,
    `  2. Open ${bold(`${site}/live`)} and leave it alone: access tokens live ${demo.tokenTtlSeconds} s, and each is`,
    `     renewed before it ends. TOKEN_TTL_SECONDS=20 ${command} makes that faster.`,
    `  3. Meanwhile reload ${site}/protected in as many tabs as you like: no call is ever refused.`,
    "",
    faint(
      `  authorization server ${demo.issuer} · API ${demo.apiUrl} · state in ${relative(process.cwd(), demo.dataFolder) || "."}/`,
    ),
    "  Ctrl-C ends everything.",
    "",
  ].join("\n");
}

/** Aborted with {@link Asked} at Ctrl-C, at SIGTERM or SIGHUP, and when the npm that started this is gone. */
function endWhenAsked(): AbortSignal {
  const controller = new AbortController();
  let askedAtMs = 0;
  const end = (): void => {
    // Asked again: no more grace. A Ctrl-C arrives twice by itself, from the terminal and from npm.
    if (controller.signal.aborted) return void (Date.now() - askedAtMs > 1_000 && group.stop(0));
    askedAtMs = Date.now();
    console.log(faint("\n· ending"));
    controller.abort(new Asked());
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, end);
  // npm hands a SIGTERM to the shell between it and this process, and that shell hands it to nobody.
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) end();
  }, PARENT_CHECK_MS).unref();
  return controller.signal;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}

function explain(error: unknown): string {
  const plain = [SettingError, PortTaken, CommandFailed, NoAnswer].some((kind) => error instanceof kind);
  if (error instanceof Error) return plain || !error.stack ? error.message : error.stack;
  return String(error);
}
