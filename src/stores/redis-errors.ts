/**
 * What an error of a Redis client says that is safe to repeat. Its message may hold an address with a password, and its
 * properties the command with all arguments, so neither goes on.
 *
 * @module
 */
import { StoreFailedError, isTokenError, type TokenError } from "../core/errors.ts";

/** Whether Redis does not have the script yet: it has done nothing. */
export function isMissingScript(error: unknown): boolean {
  return messageOf(error).startsWith("NOSCRIPT");
}

/** Whether a key of the store holds something of another type, so that it is no grant. Of a {@link redisFailureFrom}. */
export function isForeignKey(failure: unknown): boolean {
  return messageOf(failure).endsWith(": WRONGTYPE");
}

/** The error for anything that went wrong in an operation. */
export function redisFailureFrom(operation: string, error: unknown): TokenError {
  if (isTokenError(error)) return error;
  return new StoreFailedError(`The Redis store failed at "${operation}": ${saidBy(error)}`);
}

/** Redis's own word, such as `READONLY` or `OOM`; else the code of the system or the name of the client's error. */
function saidBy(error: unknown): string {
  const [, word] = /^([A-Z]{2,20})(?: |$)/.exec(messageOf(error)) ?? [];
  if (word !== undefined) return word;
  const { code, name, constructor } = Object(error) as Partial<Record<string, unknown>>;
  const className = (constructor as { name?: unknown } | undefined)?.name;
  const words = [code, className, name].filter((given) => typeof given === "string");
  return words.find((given) => given !== "Error" && /^[A-Za-z_]{2,60}$/.test(given)) ?? "the client failed";
}

function messageOf(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === "string" ? message : "";
}
