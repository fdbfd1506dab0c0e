/**
 * Ports: whether one is taken, and a free one.
 *
 * @module
 */
import { connect, createServer, type AddressInfo } from "node:net";

/** A port that a server is about to use. */
export interface WantedPort {
  readonly port: number;
  readonly host: string;
  /** Who wants it, such as "the app". */
  readonly what: string;
  /** The variable that changes it. */
  readonly variable: string;
}

/** A port is taken. The message says which, by what it was wanted, and how to choose another. */
export class PortTaken extends Error {
  override readonly name = "PortTaken";
}

const CONNECT_LIMIT_MS = 500;

/** Resolves if every port is free and no two are the same; rejects with {@link PortTaken} otherwise. */
export async function requireFreePorts(wanted: readonly WantedPort[]): Promise<void> {
  for (const [index, { port, host, what, variable }] of wanted.entries()) {
    const same = wanted.slice(0, index).find((earlier) => earlier.port === port);
    if (same) throw new PortTaken(`${same.variable} and ${variable} are both ${port}: they have to differ.`);
    if (!(await isTaken(port, host))) continue;
    const free = await freePort(host);
    throw new PortTaken(
      `Port ${port}, which ${what} needs, is taken by another program.\n` +
        `End that program, or choose another port: ${variable}=${free} npm start`,
    );
  }
}

/** A port of the host that is free at this moment. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  const { port, release } = await holdPort(host);
  await release();
  return port;
}

/** A port of the host that nobody else gets until it is released. For what listens on it only after a while. */
export function holdPort(host = "127.0.0.1"): Promise<{
  readonly port: number;
  readonly release: () => Promise<void>;
}> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      resolve({ port, release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

/**
 * A port counts as taken if it cannot be listened on, or if somebody answers on either loopback address: "localhost"
 * may mean either, and the browser would reach the wrong program.
 */
async function isTaken(port: number, host: string): Promise<boolean> {
  const answers = await Promise.all([
    refusesListening(port, host),
    answersAt(port, "127.0.0.1"),
    answersAt(port, "::1"),
  ]);
  return answers.includes(true);
}

function refusesListening(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(true);
      else reject(new PortTaken(`Cannot listen on ${host}:${port} (${error.code ?? error.message}).`));
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(false)));
  });
}

function answersAt(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const end = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.setTimeout(CONNECT_LIMIT_MS, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
