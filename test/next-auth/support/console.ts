/** Everything that is said on the console during a test, and nothing on the screen. */
import { formatWithOptions } from "node:util";
import { onTestFinished, vi } from "vitest";

/** What was said so far. */
export interface Said {
  readonly lines: readonly string[];
  /** The lines of nolapse itself. */
  readonly own: () => readonly string[];
  readonly text: () => string;
}

/** Captures every channel of the console until the test ends. */
export function captureConsole(): Said {
  const lines: string[] = [];
  for (const channel of ["log", "info", "warn", "error", "debug", "trace"] as const) {
    const spy = vi.spyOn(console, channel).mockImplementation((...args: unknown[]) => {
      lines.push(`${channel}: ${formatWithOptions({ depth: 20 }, ...(args as [unknown]))}`);
    });
    onTestFinished(() => spy.mockRestore());
  }
  return {
    lines,
    own: () => lines.filter((line) => line.includes("[nolapse]")),
    text: () => lines.join("\n"),
  };
}
