/**
 * The ways to configure and deploy an app that the matrix tries: what its environment is, and what stands before it.
 *
 * @module
 */
import type { NEXT_AUTH } from "./versions.ts";

/** The environment of an app; `undefined` leaves a variable out. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a row's app runs. */
export interface Place {
  readonly nextAuth: keyof typeof NEXT_AUTH;
  /** The port that it listens on itself. */
  readonly port: number;
  /** What browsers put before every path: scheme, host and port, such as `https://localhost:41234`. */
  readonly origin: string;
  /** The path of NextAuth's route as browsers see it, Next's `basePath` included. */
  readonly authPath: string;
}

/** Secrets of one row. */
export interface Secrets {
  readonly nextAuth: string;
  readonly nolapse: string;
  /** What the first one is replaced by, or the second one. */
  readonly next: string;
}

/** One way to configure an app. */
export interface Configuration {
  /** For the table: what is configured, in Markdown. */
  readonly what: string;
  /** Next's `basePath`, which an app is built with. Default: none. */
  readonly basePath?: string;
  /** NextAuth's route below the base path. Default: `/api/auth`. */
  readonly route?: string;
  /** Whether browsers come by a proxy that ends TLS and says so in `x-forwarded-host` and `x-forwarded-proto`. */
  readonly behindTls?: boolean;
  /** The name of the session cookie, where it is the app's own choice. */
  readonly cookieName?: string;
  /** Whether the app asks itself for the session by HTTP, with `getSession({ req })`. */
  readonly asksItself?: boolean;
  /** Whether sessions are rows of the app's own database. */
  readonly sessionsInDatabase?: boolean;
  /** The environment beside the servers' addresses and the usual secrets. */
  readonly env: (place: Place, secrets: Secrets) => Environment;
  /** The environment with which the app is started again in the middle of the run, while users are signed in. */
  readonly later?: (place: Place, secrets: Secrets) => Environment;
}

/** The variable by which each version is told where it is, with the path of its route. */
function url({ nextAuth, origin, authPath }: Place): Environment {
  const whole = authPath === "/api/auth" ? origin : origin + authPath;
  return { [nextAuth === 4 ? "NEXTAUTH_URL" : "AUTH_URL"]: whole };
}

function internalUrl({ port, authPath }: Place): Environment {
  return { NEXTAUTH_URL_INTERNAL: `http://127.0.0.1:${port}${authPath}` };
}

/** No secret but those of the row. */
const ONLY_LISTED: Environment = {
  NOLAPSE_SECRET: undefined,
  AUTH_SECRET: undefined,
  NEXTAUTH_SECRET: undefined,
};

/** All of them by name. */
export const CONFIGURATIONS = {
  plain: { what: "`NEXTAUTH_URL` or `AUTH_URL`", env: url },
  basePath: {
    what: "Next's `basePath`, behind a proxy that ends TLS; `SessionProvider basePath`, `NEXTAUTH_URL_INTERNAL`, secure cookies",
    basePath: "/shop",
    behindTls: true,
    asksItself: true,
    env: (place) => ({ ...url(place), ...internalUrl(place) }),
  },
  customRoute: {
    what: "a custom route by the path of `NEXTAUTH_URL` or `AUTH_URL`; `SessionProvider basePath`",
    route: "/api/custom-route",
    env: url,
  },
  internalUrl: {
    what: "`NEXTAUTH_URL_INTERNAL`",
    asksItself: true,
    env: (place) => ({ ...url(place), ...internalUrl(place) }),
  },
  cookieName: { what: "a session cookie of another name", cookieName: "shop.sid", env: url },
  trustHost: {
    what: "no URL, `AUTH_TRUST_HOST` behind a proxy that ends TLS; secure cookies",
    behindTls: true,
    env: () => ({ AUTH_TRUST_HOST: "true" }),
  },
  vercel: {
    what: "no URL, `VERCEL` and `VERCEL_URL` behind a proxy that ends TLS; secure cookies",
    behindTls: true,
    env: () => ({ VERCEL: "1", VERCEL_URL: "shop-4f9a2c-team.vercel.app", MATRIX_ALLOW_SERVERLESS: "1" }),
  },
  database: {
    what: '`session.strategy: "database"` with an adapter on SQLite, the app started again while users are signed in',
    sessionsInDatabase: true,
    env: url,
    later: url,
  },
  sealingSecret: {
    what: "`NOLAPSE_SECRET` changed while users are signed in",
    env: url,
    later: (place, { next, nolapse }) => ({ ...url(place), NOLAPSE_SECRET: `${next},${nolapse}` }),
  },
  secretList: {
    what: "`secret: [new, old]` of the configuration instead of `secret: [old]` while users are signed in, no `NOLAPSE_SECRET`",
    env: (place, { nextAuth }) => ({ ...url(place), ...ONLY_LISTED, MATRIX_SECRETS: nextAuth }),
    later: (place, { nextAuth, next }) => ({
      ...url(place),
      ...ONLY_LISTED,
      MATRIX_SECRETS: `${next},${nextAuth}`,
    }),
  },
  numberedSecrets: {
    what: "`AUTH_SECRET_2` added to `AUTH_SECRET_1` while users are signed in, no `NOLAPSE_SECRET`",
    env: (place, { nextAuth }) => ({ ...url(place), ...ONLY_LISTED, AUTH_SECRET_1: nextAuth }),
    later: (place, { nextAuth, next }) => ({
      ...url(place),
      ...ONLY_LISTED,
      AUTH_SECRET_1: nextAuth,
      AUTH_SECRET_2: next,
    }),
  },
} as const satisfies Readonly<Record<string, Configuration>>;

/** The name of a configuration. */
export type ConfigurationName = keyof typeof CONFIGURATIONS;
