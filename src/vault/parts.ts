/**
 * One unambiguous way to turn several strings into bytes: each part is preceded by its length, so that
 * `["ab", "c"]` and `["a", "bc"]` never meet (SEC-72).
 *
 * @module
 */

const LENGTH_BYTES = 4;

/** Length-prefixed UTF-8 of all parts: 4 bytes big-endian, then the bytes. Injective for well-formed strings. */
export function lengthPrefixed(parts: readonly string[]): Buffer {
  const chunks: Buffer[] = [];
  for (const part of parts) {
    const bytes = Buffer.from(part, "utf8");
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(bytes.length);
    chunks.push(length, bytes);
  }
  return Buffer.concat(chunks);
}
