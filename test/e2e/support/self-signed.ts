/**
 * A certificate for `localhost` that is made on the spot, so that a test of https needs no tool and no file that expires.
 *
 * @see [RFC 5280](https://www.rfc-editor.org/rfc/rfc5280.html) - certificates, and X.690 for how they are written
 */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** Key and certificate, both PEM. */
export interface SelfSigned {
  readonly key: string;
  readonly cert: string;
}

const DAY_MS = 24 * 3_600_000;
const ECDSA_WITH_SHA256 = sequence(tagged(0x06, "2a8648ce3d040302"));
const COMMON_NAME = tagged(0x06, "550403");
const SUBJECT_ALTERNATIVE_NAME = tagged(0x06, "551d11");

/** Makes a certificate for `localhost` and `127.0.0.1` that is good for a day. */
export function selfSigned(): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(tagged(0x31, sequence(COMMON_NAME, tagged(0x0c, Buffer.from("localhost")))));
  const names = sequence(tagged(0x82, Buffer.from("localhost")), tagged(0x87, "7f000001"));
  const certificate = sequence(
    tagged(0xa0, tagged(0x02, "02")),
    tagged(0x02, Buffer.concat([Buffer.of(0x01), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    name,
    sequence(utcTime(Date.now() - DAY_MS), utcTime(Date.now() + DAY_MS)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(sequence(SUBJECT_ALTERNATIVE_NAME, tagged(0x04, names)))),
  );
  const signature = tagged(0x03, Buffer.concat([Buffer.of(0), sign("sha256", certificate, privateKey)]));
  const der = sequence(certificate, ECDSA_WITH_SHA256, signature).toString("base64");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${der.replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`,
  };
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

/** A value with its tag and length. A text is read as hexadecimal digits. */
function tagged(tag: number, content: Buffer | string): Buffer {
  const value = typeof content === "string" ? Buffer.from(content, "hex") : content;
  const { length } = value;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), value]);
}

function utcTime(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().replace(/\D/g, "").slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`));
}
