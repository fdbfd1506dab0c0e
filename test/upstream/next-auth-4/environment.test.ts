/** Which secret the installed next-auth 4 takes, held against nolapse. It is taken from where it hands it to `jwt.decode`. */
import nextAuth, { getServerSession, type AuthOptions } from "next-auth";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createV4Host } from "../../../src/next-auth/v4-host.ts";
import { Browser, type Handler, type RouterForm } from "../../next-auth/support/browser.ts";
import { captureConsole } from "../../next-auth/support/console.ts";
import { FORMS, SESSION_COOKIE } from "../support/installed.ts";

const NextAuth = nextAuth as unknown as (options: AuthOptions) => Handler;
const [S1, S2, S3] = ["1", "2", "3"].map((each) => each.repeat(32)) as [string, string, string];

/** Deprecated, and still preferred. */
const OLD_SECRET: object = { secret: S3 };

const CASES: readonly [string, Readonly<Record<string, string>>, Partial<AuthOptions>][] = [
  ["NEXTAUTH_SECRET", { NEXTAUTH_SECRET: S1 }, {}],
  ["AUTH_SECRET", { AUTH_SECRET: S1 }, {}],
  ["NEXTAUTH_SECRET before AUTH_SECRET", { NEXTAUTH_SECRET: S1, AUTH_SECRET: S2 }, {}],
  ["the options' before both", { NEXTAUTH_SECRET: S1, AUTH_SECRET: S2 }, { secret: S3 }],
  ["jwt.secret before all", { NEXTAUTH_SECRET: S1 }, { secret: S2, jwt: OLD_SECRET }],
];

describe("the installed next-auth, given", () => {
  it.each(CASES)(
    "%s, opens sessions with the secret that nolapse expects, by the route and in components (src/next-auth/v4-host.ts)",
    async (_what, env, given) => {
      captureConsole();
      for (const name of ["NEXTAUTH_SECRET", "AUTH_SECRET"]) vi.stubEnv(name, env[name]);
      vi.stubEnv("NEXTAUTH_URL", "http://localhost:3000");
      onTestFinished(() => void vi.unstubAllEnvs());
      const secrets: unknown[] = [];
      const decode = ({ secret }: { secret: unknown }): Promise<null> => {
        secrets.push(secret);
        return Promise.resolve(null);
      };
      // New ones for each: next-auth notes the secret in those that it is given.
      const options = (): AuthOptions => ({ providers: [], ...given, jwt: { ...given.jwt, decode } });
      const browserOf = (form: RouterForm): Browser => {
        const browser = new Browser(NextAuth(options()), form);
        browser.jar.set(SESSION_COOKIE, "x");
        return browser;
      };
      for (const form of FORMS) await browserOf(form).get("session");
      await browserOf("app").inServerComponent(() => getServerSession(options()));

      const [expected] = createV4Host({ providers: [], ...given }, {} as never).secrets();
      expect(secrets).toEqual([expected, expected, expected]);
    },
  );
});
