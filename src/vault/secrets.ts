/**
 * Which secrets are good enough to seal tokens with.
 *
 * A secret becomes keys by HKDF, which adds no strength, so it must bring all of it: the output of a random
 * generator, not a phrase (SEC-61). The rule below cannot prove randomness. It refuses what is certainly weak.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";

/** The fewest characters of a secret: what 16 random bytes need as hexadecimal digits. */
export const MIN_SECRET_LENGTH = 32;

/** The estimate, in bits, that the part of a secret which is no well-known word must reach. */
const MIN_STRENGTH_BITS = 80;
const MAX_SECRETS = 20;
const FIX = "make one with: openssl rand -base64 32";

/** Words that examples and guides put where a secret belongs; none under 4 letters, as chance makes those too. */
const PLACEHOLDER_WORDS =
  /secret|change|replace|insert|placeholder|example|password|passphrase|complex|default|insecure|nextauth|authjs|auth|session|cookie|token|super|your|please|this|random|string|generated?|openssl|base64|here|goes|value|local|develop(ment)?|production|testing|test|demo|long|least|minimum|characters?|chars|with|must|should|some|very|safe|secure|strong|qwertz?y?|asdf|todo|nolapse/gi;

/**
 * Splits the value of an environment variable such as `NOLAPSE_SECRET` into its secrets, newest first: a list
 * separated by commas. Empty parts are dropped.
 */
export function secretList(value: string | undefined): readonly string[] {
  return (value ?? "")
    .split(",")
    .map((secret) => secret.trim())
    .filter((secret) => secret !== "");
}

/**
 * Checks a list of secrets and drops repetitions.
 *
 * @param option - The name to complain under, such as `NOLAPSE_SECRET`.
 * @throws {@link InvalidOptionError} for a secret that {@link weaknessOf} finds weak and for more than 20 of them.
 *   The message says which one by its place, never what it is.
 */
export function checkedSecrets(option: string, secrets: readonly string[]): readonly string[] {
  if (secrets.length > MAX_SECRETS) {
    throw new InvalidOptionError(option, `lists ${secrets.length} secrets; ${MAX_SECRETS} is the most`);
  }
  for (const [index, secret] of secrets.entries()) {
    const weakness = weaknessOf(secret);
    if (weakness === undefined) continue;
    const which = secrets.length === 1 ? "" : ` (secret ${index + 1} of ${secrets.length})`;
    throw new InvalidOptionError(option, `${weakness}${which}; ${FIX}`);
  }
  return [...new Set(secrets)];
}

/** The error for no secret at all. */
export function missingSecret(option: string, alternative: string): InvalidOptionError {
  return new InvalidOptionError(option, `is missing, and so is ${alternative}; ${FIX}`);
}

/**
 * Says what makes a secret weak, without repeating any of it; `undefined` if nothing is found.
 *
 * Weak is: not a string; shorter than 32 characters; one unit repeated; a run such as `abcdef`; too little variety
 * once the words of examples ("your-secret", "changeme") are taken out.
 */
export function weaknessOf(secret: unknown): string | undefined {
  if (typeof secret !== "string") return "is not a string";
  if (secret.length < MIN_SECRET_LENGTH) {
    return `is too short: ${secret.length} characters, ${MIN_SECRET_LENGTH} are needed`;
  }
  if (repeatsItself(secret)) return "repeats itself";
  if (isRun(secret)) return "is a run of neighbouring characters";
  if (strengthBitsOf(secret) < MIN_STRENGTH_BITS) return "has too few different characters";
  const rest = secret.replace(PLACEHOLDER_WORDS, "").replace(/[\s._-]+/g, "");
  if (strengthBitsOf(rest) < MIN_STRENGTH_BITS) return "looks like a placeholder";
  return undefined;
}

/** Whether a text is one unit of at most half its length, repeated (the last time perhaps in part). */
function repeatsItself(text: string): boolean {
  for (let unit = 1; unit <= text.length / 2; unit++) {
    if (text.startsWith(text.slice(unit))) return true;
  }
  return false;
}

/** Whether more than half of the characters follow their neighbour in the alphabet, up or down. */
function isRun(text: string): boolean {
  let steps = 0;
  for (let index = 1; index < text.length; index++) {
    if (Math.abs(text.charCodeAt(index) - text.charCodeAt(index - 1)) <= 1) steps++;
  }
  return steps > text.length / 2;
}

/** Bits that a random text of this length over just these characters would have: an upper bound. */
function strengthBitsOf(text: string): number {
  const variety = new Set(text).size;
  return variety === 0 ? 0 : text.length * Math.log2(variety);
}
