/**
 * Passwords as scrypt hashes, compared in constant time.
 *
 * @module
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

const COST = { N: 16_384, r: 8, p: 1 };
const KEY_BYTES = 32;

/** The longest password that is looked at, in characters. */
const MAX_PASSWORD_LENGTH = 256;

/** `salt:key`, both base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt);
  return `${salt.toString("base64url")}:${key.toString("base64url")}`;
}

/**
 * Whether the password is the one that was hashed. Takes as long for a user who does not exist (`undefined`) as for
 * a wrong password, so that the time does not tell which names there are.
 */
export async function passwordMatches(password: string, hash: string | undefined): Promise<boolean> {
  const [salt = "", key = ""] = (hash ?? NOBODY).split(":");
  const expected = Buffer.from(key, "base64url");
  const derived = await derive(password.slice(0, MAX_PASSWORD_LENGTH), Buffer.from(salt, "base64url"));
  return timingSafeEqual(derived, expected) && hash !== undefined && password.length <= MAX_PASSWORD_LENGTH;
}

/** A hash that no password has: random bytes in the place of the key. */
const NOBODY = `${randomBytes(16).toString("base64url")}:${randomBytes(KEY_BYTES).toString("base64url")}`;

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, KEY_BYTES, COST, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
