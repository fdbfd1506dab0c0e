/**
 * The parts of Next that nolapse uses, loaded at first use: an application that uses none of them (Pages Router with
 * an old Next, plain Node) does not need them.
 *
 * The specifiers carry the extension, because Next has no `exports` map and Node resolves only full file names.
 *
 * @module
 */
import type { WaitUntil } from "./background.ts";
import { parseCookies, type RequestSource } from "./request-source.ts";

interface HeadersModule {
  readonly headers: () => Promise<Headers> | Headers;
}

let afterOfNext: WaitUntil | undefined;
let loadingAfter: Promise<void> | undefined;

/** Next's `after()`, once {@link loadAfter} has found it. */
export function nextAfter(): WaitUntil | undefined {
  return afterOfNext;
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
  const module = (await import("next/headers.js")) as HeadersModule & { default?: HeadersModule };
  const readHeaders = typeof module.headers === "function" ? module.headers : module.default?.headers;
  if (readHeaders === undefined) throw new Error("next/headers.js has no headers()");
  const headers = await readHeaders();
  return {
    cookies: parseCookies(headers.get("cookie") ?? ""),
    header: (name) => headers.get(name) ?? undefined,
  };
}
