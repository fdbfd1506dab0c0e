/**
 * By which environment variables a serverless host is known: a process there may be frozen after each response, and its
 * memory and disk are its own. Whoever reads the environment hands it in.
 *
 * @module
 */

/**
 * The common serverless hosts, by a variable that each sets. A process of Cloud Run, Cloud Functions, Azure Functions and
 * Vercel serves several requests at once and may live for hours; there are several of them all the same, they come and go
 * with the load, and what they do after a response is not sure to be done. See docs/serverless.md.
 */
export const SERVERLESS_HOSTS: Readonly<Record<string, string>> = {
  VERCEL: "Vercel",
  AWS_LAMBDA_FUNCTION_NAME: "AWS Lambda",
  NETLIFY: "Netlify",
  K_SERVICE: "Cloud Run",
  FUNCTION_TARGET: "Cloud Functions",
  FUNCTIONS_WORKER_RUNTIME: "Azure Functions",
};

/** Variables that the common serverless hosts set. */
export const SERVERLESS_VARIABLES: readonly string[] = Object.keys(SERVERLESS_HOSTS);

/** The variable by which this host is known as serverless; `undefined` where it is not. An empty one says nothing. */
export function serverlessVariable(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return SERVERLESS_VARIABLES.find((name) => (env[name] ?? "") !== "");
}
