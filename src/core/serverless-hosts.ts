/**
 * By which environment variables a serverless host is known: a process there may be frozen after each response, and its
 * memory and disk are its own. Whoever reads the environment hands it in.
 *
 * @module
 */

/** Variables that the common serverless hosts set. */
export const SERVERLESS_VARIABLES: readonly string[] = [
  "VERCEL",
  "AWS_LAMBDA_FUNCTION_NAME",
  "NETLIFY",
  "K_SERVICE",
  "FUNCTION_TARGET",
  "FUNCTIONS_WORKER_RUNTIME",
];

/** The variable by which this host is known as serverless; `undefined` where it is not. An empty one says nothing. */
export function serverlessVariable(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return SERVERLESS_VARIABLES.find((name) => (env[name] ?? "") !== "");
}
