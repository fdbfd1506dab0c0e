/**
 * Runs a server as a process: says where it listens, and ends with exit code 0 on SIGINT, SIGTERM, or when the
 * parent that started it with an IPC channel is gone.
 *
 * @module
 */
import type { RunningServer } from "./http.ts";
import { SettingError } from "./settings.ts";

/** What a server tells the parent that started it with an IPC channel. */
export interface ListeningMessage {
  readonly type: "listening";
  readonly port: number;
}

/** Starts what `start` makes and keeps it until a signal comes. `release` closes what is left, such as a database. */
export async function runServer(
  name: string,
  start: () => Promise<RunningServer & { release(): void }>,
): Promise<void> {
  let running: RunningServer & { release(): void };
  try {
    running = await start();
  } catch (error) {
    console.error(error instanceof SettingError ? `${name}: ${error.message}` : error);
    process.exitCode = 1;
    if (process.connected) process.disconnect();
    return;
  }
  console.log(`${name} listens on port ${running.port}`);
  process.send?.({ type: "listening", port: running.port } satisfies ListeningMessage);

  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    void running.close().then(() => {
      running.release();
      process.exit(0);
    });
  };
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  process.on("disconnect", end);
}
