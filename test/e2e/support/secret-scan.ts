/**
 * Looks for secrets in everything that an app gives away: as they are, in part, and below layers of base64, base64url,
 * percent-encoding and JSON escapes.
 */

/** Something that must not be seen outside the server. */
export interface Canary {
  readonly name: string;
  readonly value: string;
}

/** A text to search. */
export interface Place {
  readonly where: string;
  readonly text: string;
}

/** A secret in a place. */
export interface Leak {
  readonly where: string;
  readonly name: string;
  /** The layers that were taken off to see it, such as `base64 → json`; empty where it was there as it is. */
  readonly below: string;
}

/** Encodings inside encodings are followed this far. */
const MAX_LAYERS = 3;
/** A log often shortens a secret: half of it counts too, if that is long enough to be no accident. */
const MIN_PART_CHARS = 16;

/** All places in which a canary can be seen. */
export function findLeaks(canaries: readonly Canary[], places: readonly Place[]): readonly Leak[] {
  const needles = canaries.flatMap(({ name, value }) => partsOf(value).map((part) => ({ name, part })));
  return places.flatMap(({ where, text }) => {
    const leaks: Leak[] = [];
    for (const view of viewsOf(text)) {
      const seen = needles.filter(({ part }) => view.text.includes(part));
      for (const name of new Set(seen.map((needle) => needle.name)))
        leaks.push({ where, name, below: view.below });
    }
    return leaks;
  });
}

/** What is searched for: of a JWT its signature, because other JWTs begin with the same letters; and both halves. */
function partsOf(value: string): readonly string[] {
  const [, , signature] = value.split(".");
  const whole = signature ?? value;
  const middle = Math.ceil(whole.length / 2);
  return middle < MIN_PART_CHARS ? [whole] : [whole, whole.slice(0, middle), whole.slice(middle)];
}

interface View {
  readonly text: string;
  readonly below: string;
}

function* viewsOf(text: string, below = "", layers = 0): Generator<View> {
  yield { text, below };
  if (layers === MAX_LAYERS) return;
  for (const [name, decode] of DECODERS) {
    const inner = decode(text);
    if (inner !== "" && inner !== text)
      yield* viewsOf(inner, below === "" ? name : `${below} → ${name}`, layers + 1);
  }
}

const DECODERS: readonly (readonly [string, (text: string) => string])[] = [
  ["base64", fromBase64],
  ["percent", fromPercent],
  ["json", fromJson],
];

/** Every run of base64 or base64url, decoded from each of the four letters it may begin at, as far as it is text. */
function fromBase64(text: string): string {
  const runs = new Set(text.match(/[\w+/-]{22,}/g));
  return [...runs]
    .flatMap((run) => [0, 1, 2, 3].map((start) => Buffer.from(run.slice(start), "base64").toString("latin1")))
    .flatMap((decoded) => decoded.match(/[\x20-\x7e]{16,}/g) ?? [])
    .join("\n");
}

function fromPercent(text: string): string {
  return text.replace(/%([\da-f]{2})/gi, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function fromJson(text: string): string {
  return text.replace(
    /\\(?:u([\da-f]{4})|x([\da-f]{2})|(.))/gi,
    (_all, wide?: string, narrow?: string, plain?: string) => {
      const hex = wide ?? narrow;
      return hex === undefined ? (plain ?? "") : String.fromCharCode(Number.parseInt(hex, 16));
    },
  );
}
