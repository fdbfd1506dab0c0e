/**
 * The rows of the matrix. next-auth, Next and router are there in every combination; every configuration, version of
 * React and version of Node is there with each next-auth that has it.
 *
 * @module
 */
import type { ConfigurationName } from "./configurations.ts";
import { NEXT, NEXT_AUTH, NODE, REACT } from "./versions.ts";

/** Which router's pages and routes an app has. With `both`, NextAuth's own route is in the App Router. */
export type Router = "app" | "pages" | "both";

/** One app, run in one way. */
export interface Row {
  readonly nextAuth: keyof typeof NEXT_AUTH;
  readonly next: keyof typeof NEXT;
  readonly react: keyof typeof REACT;
  readonly router: Router;
  readonly node: keyof typeof NODE;
  readonly configuration: ConfigurationName;
}

type Short = readonly [
  nextAuth: Row["nextAuth"],
  next: Row["next"],
  react: Row["react"],
  router: Router,
  configuration: ConfigurationName,
  node?: Row["node"],
];

const SHORT: readonly Short[] = [
  [4, "14 from", 18, "app", "customRoute"],
  [4, "14 from", 18, "pages", "internalUrl"],
  [4, "15 from", 18, "both", "cookieName"],
  [4, 15, 19, "app", "trustHost"],
  [4, 15, 19, "pages", "basePath"],
  [4, 16, 19, "app", "vercel"],
  [4, 16, 19, "app", "sealingSecret"],
  [4, 16, 19, "app", "plain", 20],
  [4, 16, 19, "pages", "plain", 22],
  [4, 16, 19, "pages", "database"],
  [5, 14, 18, "app", "customRoute"],
  [5, 14, 18, "pages", "plain", 22],
  [5, 15, 19, "app", "vercel"],
  [5, 15, 19, "pages", "trustHost"],
  [5, "16 from", 18, "both", "cookieName"],
  [5, 16, 19, "app", "basePath"],
  [5, 16, 19, "app", "secretList"],
  [5, 16, 19, "app", "numberedSecrets"],
  [5, 16, 19, "app", "plain", 20],
  [5, 16, 19, "app", "database"],
  [5, 16, 19, "pages", "internalUrl"],
  [5, 16, 19, "pages", "sealingSecret"],
];

/** All rows, in the order of the table. */
export const ROWS: readonly Row[] = SHORT.map(
  ([nextAuth, next, react, router, configuration, node = 24]) => ({
    ...{ nextAuth, next, react, router, configuration, node },
  }),
);

/** The two rows of `npm test`: the newest of everything in the hardest place, and the oldest of everything. */
export const TELLING_ROWS: readonly Row[] = [
  rowOf(5, 16, "app", "basePath"),
  rowOf(4, "14 from", "pages", "internalUrl"),
];

/** What tells a row from the others, such as `next-auth 5, Next 16.4.6, app, basePath`. */
export function nameOf({ nextAuth, next, router, configuration, node }: Row): string {
  const onNode = node === 24 ? "" : `, Node ${NODE[node]}`;
  return `next-auth ${nextAuth}, Next ${NEXT[next]}, ${router}, ${configuration}${onNode}`;
}

/**
 * What runs before the routes of a row in the Node runtime: `proxy.ts`, or a `middleware.ts` that asks for that runtime.
 * Older releases have neither.
 */
export function doorBefore({ next }: Row): "proxy" | "node-middleware" | undefined {
  if (next === 15) return "node-middleware";
  return next === 16 || next === "16 from" ? "proxy" : undefined;
}

function rowOf(
  nextAuth: Row["nextAuth"],
  next: Row["next"],
  router: Router,
  configuration: ConfigurationName,
): Row {
  const found = ROWS.find(
    (row) =>
      row.nextAuth === nextAuth &&
      row.next === next &&
      row.router === router &&
      row.configuration === configuration,
  );
  if (found === undefined) throw new Error(`The matrix has no such row: ${configuration}`);
  return found;
}
