/**
 * What the matrix installs, pinned: the oldest that the peer dependencies allow, and the newest there is.
 *
 * @module
 */
import { createRequire } from "node:module";

/** Both versions of next-auth that nolapse has an entry for. */
export const NEXT_AUTH = { 4: "4.24.15", 5: "5.0.0-beta.32" } as const;

/** Each major version of Next at its oldest (`from`) and its newest. */
export const NEXT = {
  "14 from": "14.2.25",
  14: "14.2.35",
  "15 from": "15.2.6",
  15: "15.5.29",
  "16 from": "16.0.7",
  16: "16.4.6",
} as const;

/** Both major versions of React: 18 at its oldest, 19 at its newest. */
export const REACT = { 18: "18.2.0", 19: "19.3.1" } as const;

/** The oldest Node, the oldest that has what the SQLite store needs, and the one that this repository works with. */
export const NODE = { 20: "20.9.0", 22: "22.13.0", 24: pinned("node") } as const;

/** What is installed beside them to build an app in TypeScript. */
export const TYPES = {
  18: { "@types/react": "18.3.32", "@types/react-dom": "18.3.7" },
  19: { "@types/react": "19.3.0", "@types/react-dom": "19.3.0" },
} as const;

/** The compilers: Next 14 and 15 came before TypeScript 6. */
export const TYPESCRIPT = { older: "5.9.3", newest: pinned("typescript") } as const;

/** The version that this repository's package.json pins. */
export function pinned(name: string): string {
  const { devDependencies } = createRequire(import.meta.url)("../../package.json") as {
    devDependencies: Readonly<Record<string, string>>;
  };
  const version = devDependencies[name];
  if (version === undefined) throw new Error(`package.json pins no ${name}`);
  return version;
}
