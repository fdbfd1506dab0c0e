/**
 * A grant as a Redis hash and back: one field for each member of the record, numbers as whole decimal texts.
 *
 * @module
 */
import { StoreFailedError } from "../core/errors.ts";
import type { GrantReading } from "../core/grant-store.ts";
import {
  GRANT_FORMAT,
  type Backoff,
  type Candidate,
  type EndReason,
  type GrantRecord,
  type Intent,
  type Lease,
  type NewGrant,
  type SealedTokens,
} from "../core/grant.ts";

/** Field, value, field, value, ... */
export type Fields = readonly string[];

/** What a script answers with a row. */
export interface RowAnswer {
  readonly status: string;
  /** `undefined` where the answer has no row, or an empty one. */
  readonly reading: GrantReading | undefined;
  /** What follows the row: the intent that a lease found. */
  readonly intent: Intent | null;
}

/** The fields of a token set. A moment that is not known is an empty text there, so that it replaces a known one. */
export function tokenFields(tokens: SealedTokens): Fields {
  return [
    ...["sealedTokenSet", tokens.sealedTokenSet, "keyId", tokens.keyId],
    ...["accessTokenIssuedAtMs", wholeText(tokens.accessTokenIssuedAtMs)],
    ...["accessTokenExpiresAtMs", wholeTextOrNone(tokens.accessTokenExpiresAtMs)],
    ...["refreshTokenExpiresAtMs", wholeTextOrNone(tokens.refreshTokenExpiresAtMs)],
    ...["refreshable", tokens.refreshable ? "1" : "0"],
  ];
}

/** The fields of a new grant, member by member, so that nothing else gets stored. */
export function newGrantFields(grant: NewGrant, slidingEndMs: string): Fields {
  return [
    ...["format", String(GRANT_FORMAT), "version", "1", "state", "live", "fence", "0"],
    ...["sessionRef", grant.sessionRef],
    ...(grant.subjectRef === null ? [] : ["subjectRef", grant.subjectRef]),
    ...(grant.sidRef === null ? [] : ["sidRef", grant.sidRef]),
    ...["provider", grant.provider, "issuer", grant.issuer, "clientId", grant.clientId],
    ...["absoluteEndMs", wholeText(grant.absoluteEndMs), "slidingEndMs", slidingEndMs],
    ...tokenFields(grant),
  ];
}

/**
 * A number as Redis and Lua take it: whole, and exact in both.
 *
 * @throws {@link StoreFailedError} for one that is not finite or too large for that.
 */
export function wholeText(value: number): string {
  const whole = Math.round(value);
  if (!Number.isSafeInteger(whole))
    throw new StoreFailedError("A number of a grant is too large to be stored");
  return String(whole);
}

/**
 * Reads the answer `[status, now, row, intent]`.
 *
 * @throws {@link StoreFailedError} for a row of a newer format, and for one that makes no sense.
 */
export function rowAnswer(id: string, reply: unknown): RowAnswer {
  const [status, now, row, found] = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
  const fields = fieldsFrom(row);
  try {
    return {
      status: textOf(status),
      reading: fields.size === 0 ? undefined : { grant: recordFrom(id, fields), storeNowMs: Number(now) },
      intent: intentFrom(textOf(found)),
    };
  } catch (error) {
    // What JSON.parse() says quotes the stored value.
    if (error instanceof SyntaxError) throw damaged();
    throw error;
  }
}

/** The row as it was before it ended. Nothing but the end itself is different. */
export function beforeItsEnd(grant: GrantRecord): GrantRecord {
  return { ...grant, state: "live", endReason: null, endedAtMs: null };
}

function fieldsFrom(row: unknown): Map<string, string> {
  const fields = new Map<string, string>();
  const texts = Array.isArray(row) ? row.map(textOf) : [];
  for (let index = 0; index < texts.length; index += 2)
    fields.set(texts[index] ?? "", texts[index + 1] ?? "");
  return fields;
}

function recordFrom(id: string, fields: Map<string, string>): GrantRecord {
  const textOf = (name: string): string => fields.get(name) ?? "";
  const numberOf = (name: string): number => Number(textOf(name));
  const numberOrNull = (name: string): number | null => (textOf(name) === "" ? null : numberOf(name));
  const format = numberOf("format");
  if (!(format <= GRANT_FORMAT)) {
    throw new StoreFailedError(`A grant has format ${format}; this release knows ${GRANT_FORMAT}`);
  }
  const version = numberOf("version");
  const state = textOf("state");
  if (!(version >= 1) || (state !== "live" && state !== "ended")) throw damaged();
  return {
    id,
    format,
    version,
    sessionRef: textOf("sessionRef"),
    subjectRef: fields.get("subjectRef") ?? null,
    sidRef: fields.get("sidRef") ?? null,
    provider: textOf("provider"),
    issuer: textOf("issuer"),
    clientId: textOf("clientId"),
    sealedTokenSet: textOf("sealedTokenSet"),
    keyId: textOf("keyId"),
    accessTokenIssuedAtMs: numberOf("accessTokenIssuedAtMs"),
    accessTokenExpiresAtMs: numberOrNull("accessTokenExpiresAtMs"),
    refreshTokenExpiresAtMs: numberOrNull("refreshTokenExpiresAtMs"),
    refreshable: textOf("refreshable") === "1",
    createdAtMs: numberOf("createdAtMs"),
    absoluteEndMs: numberOf("absoluteEndMs"),
    slidingEndMs: numberOf("slidingEndMs"),
    state,
    endReason: (fields.get("endReason") as EndReason | undefined) ?? null,
    endedAtMs: numberOrNull("endedAtMs"),
    fence: numberOf("fence"),
    lease: leaseFrom(fields),
    intent: intentFrom(fields.get("intent")),
    backoff: backoffFrom(fields),
    candidates: candidatesFrom(fields),
  };
}

function leaseFrom(fields: Map<string, string>): Lease | null {
  const holder = fields.get("leaseHolder");
  if (holder === undefined) return null;
  return { holder, fence: Number(fields.get("fence")), untilMs: Number(fields.get("leaseUntilMs")) };
}

function backoffFrom(fields: Map<string, string>): Backoff | null {
  const failures = fields.get("backoffFailures");
  if (failures === undefined) return null;
  const untilMs = Number(fields.get("backoffUntilMs"));
  return { failures: Number(failures), untilMs, code: fields.get("backoffCode") ?? "" };
}

function damaged(): StoreFailedError {
  return new StoreFailedError("A stored grant cannot be read");
}

/** A text, or the bytes of one, as a client shows it; the empty text for anything else. */
function textOf(reply: unknown): string {
  return typeof reply === "string" || Buffer.isBuffer(reply) ? String(reply) : "";
}

function intentFrom(json: string | undefined): Intent | null {
  return json === undefined || json === "" ? null : (JSON.parse(json) as Intent);
}

/** As the scripts write them: `<order> <version> <keptAtMs> <JSON>`, newest last. */
function candidatesFrom(fields: Map<string, string>): readonly Candidate[] {
  return [...fields]
    .filter(([name]) => name.startsWith("candidate:"))
    .map(([, value]) => {
      const [, order, version, keptAtMs, json = ""] = /^(\d+) (-?\d+) (\d+) (.*)$/s.exec(value) ?? [];
      const sealed = JSON.parse(json) as Pick<Candidate, "attemptId" | "sealedTokenSet" | "keyId">;
      const candidate = { ...sealed, version: Number(version), keptAtMs: Number(keptAtMs) };
      return { order: Number(order), candidate };
    })
    .sort((one, other) => one.order - other.order)
    .map(({ candidate }) => candidate);
}

function wholeTextOrNone(value: number | null): string {
  return value === null ? "" : wholeText(value);
}
