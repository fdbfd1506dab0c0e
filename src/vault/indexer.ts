/**
 * The names under which a store finds things: keyed hashes, so that a stolen store holds neither a usable handle
 * nor a readable user (SEC-10), and the random handles themselves.
 *
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";

import type { KeyRing, VaultKey } from "./key-ring.ts";
import { lengthPrefixed } from "./parts.ts";
import type { RandomBytes } from "./sealer.ts";

/** What {@link createIndexer} can be told. */
export interface IndexerOptions {
  /** Where handles come from. @defaultValue `randomBytes` of `node:crypto` */
  readonly randomBytes?: RandomBytes;
}

/**
 * Makes handles and the keyed hashes of the index.
 *
 * Whatever is found again by a handle is hashed with the key that was the newest when the handle was made; the
 * session remembers that key's id beside the handle. Such a method returns `undefined` once the key has left the
 * ring: the session cannot be found any more. All methods throw `InvalidOptionError` while the ring's secrets are
 * missing or weak.
 */
export interface Indexer {
  /** The key to make new handles and references with. */
  newestKeyId(): string;
  /** All keys of the ring, newest first. */
  keyIds(): readonly string[];
  /** 256 random bits, base64url: 43 characters that mean nothing (SEC-08, SEC-09). */
  newHandle(): string;
  /**
   * The handle of a session that still carries the tokens of a hand-written recipe: the same for each request that
   * brings the same refresh token, and of the same form as a new one. Look it up with every key of the ring before
   * storing it under the newest.
   */
  adoptedHandleOf(keyId: string, refreshToken: string): string | undefined;
  /** `GrantRecord.id`: the key id, a dot and a keyed hash, so that the rows of one key can be counted (SEC-59). */
  grantIdOf(keyId: string, handle: string, provider: string): string | undefined;
  /** `GrantRecord.sessionRef`. */
  sessionRefOf(keyId: string, handle: string): string | undefined;
  /** `GrantRecord.subjectRef` by the newest key, for storing. People are known by issuer and subject (SEC-45). */
  subjectRefOf(issuer: string, subject: string): string;
  /** The same by every key of the ring, for looking up. */
  subjectRefsOf(issuer: string, subject: string): readonly string[];
  /** `GrantRecord.sidRef` by the newest key, for storing. */
  sidRefOf(issuer: string, sid: string): string;
  /** The same by every key of the ring, for looking up. */
  sidRefsOf(issuer: string, sid: string): readonly string[];
  /**
   * What names a session in a page, by every key of the ring, newest first: of no use in a store or a cookie.
   *
   * @param sessionRef The session's `GrantRecord.sessionRef`.
   */
  pageRefsOf(sessionRef: string): readonly [string, ...string[]];
  /** The ids of the use of one logout token, by every key of the ring, in the form of {@link Indexer.grantIdOf}. */
  logoutTokenIdsOf(issuer: string, jti: string): readonly [string, ...string[]];
}

const HANDLE_BYTES = 32;

/** Makes an indexer over a key ring. Construction has no effects. */
export function createIndexer(ring: KeyRing, options: IndexerOptions = {}): Indexer {
  const random = options.randomBytes ?? randomBytes;
  const keyOf = (keyId: string): VaultKey | undefined => ring.keys().find(({ id }) => id === keyId);
  const byOne = (keyId: string, ...parts: readonly string[]): string | undefined => {
    const key = keyOf(keyId);
    return key && keyedHash(key, parts);
  };
  const byNewest = (...parts: readonly string[]): string => keyedHash(ring.keys()[0], parts);
  const byAll = (...parts: readonly string[]): readonly [string, ...string[]] => {
    const [newest, ...others] = ring.keys();
    return [keyedHash(newest, parts), ...others.map((key) => keyedHash(key, parts))];
  };
  return {
    newestKeyId: () => ring.keys()[0].id,
    keyIds: () => ring.keys().map(({ id }) => id),
    newHandle: () => Buffer.from(random(HANDLE_BYTES)).toString("base64url"),
    adoptedHandleOf: (keyId, refreshToken) => byOne(keyId, "adopted-handle", refreshToken),
    grantIdOf: (keyId, handle, provider) => {
      const hash = byOne(keyId, "grant", handle, provider);
      return hash && `${keyId}.${hash}`;
    },
    sessionRefOf: (keyId, handle) => byOne(keyId, "session", handle),
    subjectRefOf: (issuer, subject) => byNewest("subject", issuer, subject),
    subjectRefsOf: (issuer, subject) => byAll("subject", issuer, subject),
    sidRefOf: (issuer, sid) => byNewest("sid", issuer, sid),
    sidRefsOf: (issuer, sid) => byAll("sid", issuer, sid),
    pageRefsOf: (sessionRef) => byAll("page", sessionRef),
    logoutTokenIdsOf: (issuer, jti) => {
      const [newest, ...others] = ring.keys();
      const idBy = (key: VaultKey): string => `${key.id}.${keyedHash(key, ["logout-token", issuer, jti])}`;
      return [idBy(newest), ...others.map(idBy)];
    },
  };
}

/** HMAC-SHA256, base64url. The first part is the label that keeps one use apart from another. */
function keyedHash(key: VaultKey, parts: readonly string[]): string {
  return createHmac("sha256", key.indexKey).update(lengthPrefixed(parts)).digest("base64url");
}
