/**
 * Runs code as Next runs it: inside the request scope of a server component or of a route handler, so that the real
 * `next/headers` and `after()` work in plain Node. It uses the inside of the installed Next, which is pinned.
 */
import { createRequire } from "node:module";

interface Storage {
  run<Result>(store: object, run: () => Result): Result;
}

const require = createRequire(import.meta.url);
// Defines the globals that the storages below are made from, so it has to be loaded before anything else of Next.
require("next/dist/server/node-environment-baseline.js");
const { workAsyncStorage } = require("next/dist/server/app-render/work-async-storage.external.js") as {
  workAsyncStorage: Storage;
};
const { workUnitAsyncStorage } =
  require("next/dist/server/app-render/work-unit-async-storage.external.js") as {
    workUnitAsyncStorage: Storage;
  };
const { createRequestStoreForRender, createRequestStoreForAPI } =
  require("next/dist/server/async-storage/request-store.js") as {
    createRequestStoreForRender: (
      request: object,
      response: undefined,
      url: URL,
      ...rest: unknown[]
    ) => object;
    createRequestStoreForAPI: (request: object, url: URL, ...rest: unknown[]) => object;
  };
/** Next's own request, loaded in the right order. */
export const { NextRequest } = require("next/server.js") as typeof import("next/server.js");

/** Where the code runs. */
export type Place = "server component" | "route handler";

/**
 * Runs `run` as Next would for this request. What it hands to `after()` is added to `handedToAfter`, and what it sets in the
 * jar of cookies to `setCookies`: all that is set so far, each time.
 */
export function inNextRequest<Result>(
  place: Place,
  request: { readonly url: string; readonly headers: Headers },
  run: () => Result,
  handedToAfter: unknown[] = [],
  setCookies: (readonly string[])[] = [],
): Result {
  const url = new URL(request.url);
  const store =
    place === "server component"
      ? createRequestStoreForRender(request, undefined, url, {}, undefined)
      : createRequestStoreForAPI(
          request,
          url,
          undefined,
          (lines: readonly string[]) => void setCookies.push(lines),
          undefined,
        );
  const work = {
    route: url.pathname,
    afterContext: { after: (task: unknown) => void handedToAfter.push(task) },
  };
  return workAsyncStorage.run(work, () => workUnitAsyncStorage.run(store, run));
}
