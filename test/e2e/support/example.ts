/**
 * The example that this run is about, by `NOLAPSE_EXAMPLE`: `next-auth` (v4, the default) or `authjs` (v5). What the two
 * versions of next-auth call by other names is here, so that the tests are the same.
 */
import { decode as decodeV4 } from "next-auth/jwt";
import { decode as decodeV5 } from "next-auth-v5/jwt";

import { exampleNamed, type Example, type ExampleName } from "../../../scripts/lib/examples.ts";

/** The example, and what its version of next-auth does. */
export interface TestedExample extends Example {
  /** The session cookie's name where the app is asked by http. */
  readonly sessionCookie: string;
  /** Its name where it is asked by https. */
  readonly secureSessionCookie: string;
  /** What the session route answers to whom it does not know. */
  readonly noSession: object | null;
  /** What a session's `error` is called when only a new sign-in helps. */
  readonly signInAgainError: string;
  /** What a plain session cookie says, decrypted; `null` if nothing does. */
  readonly openSession: (cookie: string | undefined, secret: string) => Promise<object | null>;
}

const FACTS: Readonly<Record<ExampleName, Omit<TestedExample, keyof Example>>> = {
  "next-auth": {
    sessionCookie: "next-auth.session-token",
    secureSessionCookie: "__Secure-next-auth.session-token",
    noSession: {},
    signInAgainError: "RefreshAccessTokenError",
    openSession: (cookie, secret) => decodeV4({ token: cookie ?? "", secret }),
  },
  authjs: {
    sessionCookie: "authjs.session-token",
    secureSessionCookie: "__Secure-authjs.session-token",
    noSession: null,
    signInAgainError: "RefreshTokenError",
    openSession: (cookie, secret) => decodeV5({ token: cookie ?? "", secret, salt: "authjs.session-token" }),
  },
};

/** The example that is tested. */
export const EXAMPLE: TestedExample = testedExample(process.env["NOLAPSE_EXAMPLE"]);

function testedExample(name: string | undefined): TestedExample {
  const example = exampleNamed(name);
  return { ...example, ...FACTS[example.name] };
}
