/**
 * Where the app lives below its host. Next adds the base path to its own links and redirects; NextAuth, `fetch` and
 * everything else that takes a plain address have to be told.
 *
 * @module
 */

/** The base path that the app was built with (`NEXT_BASE_PATH`), such as `/custom-route`; usually empty. */
export const BASE_PATH: string = process.env.BASE_PATH ?? "";

/** A path of the app as the browser has to ask for it. */
export function withBasePath(path: string): string {
  return BASE_PATH + path;
}

/** A path that the browser asked for, as the app knows it. */
export function withoutBasePath(path: string): string {
  if (BASE_PATH === "" || !`${path}/`.startsWith(`${BASE_PATH}/`)) return path;
  return path.slice(BASE_PATH.length) || "/";
}
