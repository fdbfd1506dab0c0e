/**
 * The parts of Next that nolapse uses, loaded at first use: an application that uses none of them (Pages Router with
 * an old Next, plain Node) does not need them.
 *
 * The specifiers carry the extension, because Next has no `exports` map and Node resolves only full file names.
 *
 * @module
 */
import type { WaitUntil } from "./background.ts";
import type { RequestSource } from "./request-source.ts";
import type { CookieReach } from "./session-cookie.ts";

interface HeadersModule {
  readonly headers: () => Promise<Headers> | Headers;
  readonly cookies: () => Promise<CookieJar> | CookieJar;
}

interface CookieJar {
  getAll(): readonly { readonly name: string; readonly value: string }[];
  set(cookie: NewCookie): unknown;
}

/** A cookie to set. */
export interface NewCookie extends CookieReach {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  readonly httpOnly: boolean;
  /** In seconds; 0 takes the cookie away. @defaultValue until the browser is closed */
  readonly maxAge?: number;
}

interface PlatformContext {
  readonly get?: () => { readonly waitUntil?: WaitUntil } | undefined;
}

let afterOfNext: WaitUntil | undefined;
let loadingAfter: Promise<void> | undefined;

/** Next's `after()`, once {@link loadAfter} has found it. */
export function nextAfter(): WaitUntil | undefined {
  return afterOfNext;
}

/**
 * What the platform gives Next to keep the process awake after a response: Vercel, Netlify and OpenNext do. `undefined`
 * where it gives none, and outside a request.
 *
 * @see https://nextjs.org/docs/app/api-reference/functions/after#platform-support
 */
export function platformWaitUntil(): WaitUntil | undefined {
  const holder = globalThis as Partial<Record<symbol, PlatformContext>>;
  try {
    const hold = holder[Symbol.for("@next/request-context")]?.get?.()?.waitUntil;
    return typeof hold === "function" ? hold : undefined;
  } catch {
    return undefined;
  }
}

/** Looks for Next's `after()` (15.1 and newer), once. Never rejects. */
export function loadAfter(): Promise<void> {
  loadingAfter ??= import("next/server.js").then(
    (module: { after?: unknown; default?: { after?: unknown } }) => {
      const after = module.after ?? module.default?.after;
      if (typeof after === "function") afterOfNext = after as WaitUntil;
    },
    () => undefined,
  );
  return loadingAfter;
}

/**
 * Reads the request that a server component, route handler or server action answers.
 *
 * Next's own errors pass through untouched: they tell it that a page is dynamic.
 */
export async function currentRequest(): Promise<RequestSource> {
  const { headers, cookies } = await nextHeaders();
  const [given, jar] = [await headers(), await cookies()];
  return {
    // Next's jar shows what a proxy or an earlier step of a server action has set. NextAuth v4 goes by it, v5 by the header.
    cookies: new Map(jar.getAll().map(({ name, value }) => [name, value])),
    header: (name) => given.get(name) ?? undefined,
  };
}

/**
 * Sets a cookie in the answer of a route handler or server action. Rejects in a server component, and outside the App Router.
 */
export async function setCookie(cookie: NewCookie): Promise<void> {
  const { cookies } = await nextHeaders();
  (await cookies()).set(cookie);
}

async function nextHeaders(): Promise<HeadersModule> {
  const module = (await import("next/headers.js")) as HeadersModule & { default?: HeadersModule };
  return typeof module.headers === "function" ? module : (module.default ?? module);
}

/** As {@link currentRequest}; `undefined` outside the App Router. */
export async function currentRequestIfAny(): Promise<RequestSource | undefined> {
  try {
    return await currentRequest();
  } catch {
    return undefined;
  }
}
