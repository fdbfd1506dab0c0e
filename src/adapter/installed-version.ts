/**
 * Which next-auth is installed. Both versions have the same name and much the same exports, so it is told by what they do:
 * the sessions of 4 are encrypted with A256GCM, those of 5 with A256CBC-HS512. Finding out takes a millisecond.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";

/** A major version of next-auth, and the entry of nolapse that is for it. */
const ENTRIES = { 4: "nolapse/next-auth", 5: "nolapse/authjs" } as const;
const VERSIONS: Readonly<Record<string, 4 | 5>> = { A256GCM: 4, "A256CBC-HS512": 5 };

/**
 * Refuses an entry that is for the other version of next-auth. A version that can't be told passes.
 *
 * @throws {@link InvalidOptionError} naming the right entry.
 */
export async function assertInstalled(expected: 4 | 5, encode: unknown): Promise<void> {
  const found = await versionOf(encode);
  if (found !== undefined && found !== expected) throw wrongEntry(expected);
}

/** The error for an entry that is used with the other version. */
export function wrongEntry(expected: 4 | 5): InvalidOptionError {
  const other = expected === 4 ? 5 : 4;
  return new InvalidOptionError(
    ENTRIES[expected],
    `is for next-auth ${expected}, and this app has next-auth ${other}: import from "${ENTRIES[other]}" instead`,
  );
}

async function versionOf(encode: unknown): Promise<4 | 5 | undefined> {
  try {
    const encodeAny = encode as (params: object) => Promise<string>;
    const jwe = await encodeAny({ token: {}, secret: "which-version", salt: "which-version" });
    const header = JSON.parse(Buffer.from(jwe.split(".")[0] ?? "", "base64url").toString()) as {
      enc?: string;
    };
    return VERSIONS[header.enc ?? ""];
  } catch {
    return undefined;
  }
}
