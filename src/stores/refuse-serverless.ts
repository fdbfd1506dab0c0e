/**
 * Why a store that only one machine has is no store on a serverless host, and what to use there instead.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import { SERVERLESS_HOSTS, serverlessVariable } from "../core/serverless-hosts.ts";

/** The store that is in question. */
export interface LocalStore {
  /** As the application made it, such as `memoryStore()`. */
  readonly name: string;
  /** What each function instance has for itself, such as `a memory of its own`. */
  readonly has: string;
  /** Where `allowServerless: true` is right. */
  readonly exception: string;
}

/**
 * Refuses such a store in production on a serverless host. Neither a build nor a test or development is refused: what
 * they store is theirs alone.
 *
 * @param env The environment of the process.
 * @throws {@link InvalidOptionError} naming the host, the reason and the way out (SEC-73).
 */
export function refuseServerless(
  { name, has, exception }: LocalStore,
  env: Readonly<Record<string, string | undefined>>,
): void {
  const variable = serverlessVariable(env);
  if (variable === undefined || env["NODE_ENV"] !== "production") return;
  if (env["NEXT_PHASE"] === "phase-production-build") return;
  throw new InvalidOptionError(
    "store",
    `is ${name} in production on ${SERVERLESS_HOSTS[variable]} (${variable} is set): each function instance has ${has}, ` +
      "so users would be signed out at random. Use redisStore() or postgresStore(): docs/serverless.md has a quick start " +
      `for each. Only ${exception}, pass allowServerless: true`,
  );
}
