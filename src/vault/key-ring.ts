/**
 * Keys out of secrets: seal with the newest, open with any (SEC-59), one key per purpose (SEC-62).
 *
 * @module
 */
import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto";

import { InvalidOptionError } from "../core/errors.ts";
import { checkedSecrets, missingSecret, weaknessOf } from "./secrets.ts";

/** The keys of one secret. `KeyObject`s, because those show nothing when they are logged (SEC-83). */
export interface VaultKey {
  /** 4 characters that name the key in sealed values and grant ids. Public: derived one way, it tells nothing. */
  readonly id: string;
  /** From which each sealed value gets a key of its own. */
  readonly sealingKey: KeyObject;
  /** For the HMACs that stand in for handles and people. */
  readonly indexKey: KeyObject;
}

/** Some keys, newest first, at least one. */
export interface KeyRing {
  /**
   * The keys. They are derived at the first call and kept.
   *
   * @throws `InvalidOptionError` while the secrets are missing or weak.
   */
  keys(): readonly [VaultKey, ...VaultKey[]];
}

/** Secrets, or a function that finds them at first use, when the environment is complete. */
export type SecretsOption = readonly string[] | (() => readonly string[]);

/** What {@link createKeyRing} is given. */
export interface KeyRingOptions {
  /** nolapse's own secrets, newest first. Each must be strong. May be empty if there are extra ones. */
  readonly secrets: SecretsOption;
  /**
   * Secrets that belong to somebody else, such as NextAuth's, newest first. They follow the own ones. Without own
   * ones they have to be strong; beside own ones a weak one is left out, for it never sealed anything.
   */
  readonly extraSecrets?: SecretsOption;
  /** The name to complain about `secrets` under. @defaultValue `NOLAPSE_SECRET` */
  readonly option?: string;
  /** The name to complain about `extraSecrets` under. @defaultValue `NEXTAUTH_SECRET` */
  readonly extraOption?: string;
}

const KEY_BYTES = 32;
const KEY_ID_BYTES = 3;
const INFO = {
  sealing: "nolapse/1/sealing",
  index: "nolapse/1/index",
  keyId: "nolapse/1/key-id",
} as const;

/** Makes a key ring. Nothing is read, checked or derived before the first use, so construction has no effects. */
export function createKeyRing(options: KeyRingOptions): KeyRing {
  let keys: readonly [VaultKey, ...VaultKey[]] | undefined;
  return { keys: () => (keys ??= derivedKeys(options)) };
}

function derivedKeys(options: KeyRingOptions): readonly [VaultKey, ...VaultKey[]] {
  const option = options.option ?? "NOLAPSE_SECRET";
  const [newest, ...older] = chosenSecrets(options, option);
  const keys: [VaultKey, ...VaultKey[]] = [vaultKeyOf(newest), ...older.map(vaultKeyOf)];
  if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    throw new InvalidOptionError(option, "has two secrets whose key ids collide; replace one of them");
  }
  return keys;
}

function chosenSecrets(options: KeyRingOptions, option: string): [string, ...string[]] {
  const extraOption = options.extraOption ?? "NEXTAUTH_SECRET";
  const own = checkedSecrets(option, secretsFrom(options.secrets));
  const given = secretsFrom(options.extraSecrets ?? []);
  const extra =
    own.length > 0
      ? given.filter((secret) => weaknessOf(secret) === undefined)
      : checkedSecrets(extraOption, given);
  const [newest, ...older] = new Set([...own, ...extra]);
  if (newest === undefined) throw missingSecret(option, extraOption);
  return [newest, ...older];
}

function secretsFrom(secrets: SecretsOption): readonly string[] {
  return typeof secrets === "function" ? secrets() : secrets;
}

function vaultKeyOf(secret: string): VaultKey {
  return {
    id: derived(secret, INFO.keyId, KEY_ID_BYTES).toString("base64url"),
    sealingKey: createSecretKey(derived(secret, INFO.sealing, KEY_BYTES)),
    indexKey: createSecretKey(derived(secret, INFO.index, KEY_BYTES)),
  };
}

/** HKDF-SHA256 without salt. @see [RFC 5869](https://www.rfc-editor.org/rfc/rfc5869.html) */
function derived(secret: string, info: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync("sha256", Buffer.from(secret, "utf8"), "", info, bytes));
}
