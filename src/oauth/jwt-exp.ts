/**
 * Reads parts of a JWT without verifying it. For nolapse an access token is opaque (SEC-46): its `exp` is read only
 * where an app says that its own backend issues JWTs and tells no expiry beside them.
 *
 * @module
 */
import { isJsonObject, type JsonObject } from "./raw-answer.ts";

const MAX_PART_LENGTH = 100_000;

/**
 * The `exp` claim of a JWT, in epoch seconds as it is written there. **Not verified.**
 *
 * @returns `undefined` for what is no JWT, and for an `exp` that is no positive finite number.
 * @see [RFC 7519, section 4.1.4](https://www.rfc-editor.org/rfc/rfc7519.html#section-4.1.4)
 */
export function jwtExp(token: string): number | undefined {
  const exp = jwtPart(token, 1)?.["exp"];
  return typeof exp === "number" && Number.isFinite(exp) && exp > 0 ? exp : undefined;
}

/**
 * Header (0) or claims (1) of a signed JWT as an object. **Not verified.**
 *
 * @returns `undefined` for what is no signed JWT: encrypted ones have five parts and cannot be read.
 */
export function jwtPart(token: string, part: 0 | 1): JsonObject | undefined {
  const parts = token.split(".", 4);
  const encoded = parts[part];
  if (parts.length !== 3 || encoded === undefined || encoded.length > MAX_PART_LENGTH) return undefined;
  try {
    const bytes = Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (char) =>
      char.charCodeAt(0),
    );
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
