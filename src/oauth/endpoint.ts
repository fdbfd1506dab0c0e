/**
 * Which URLs may be sent a token or a secret.
 *
 * @module
 */

/**
 * Checks an endpoint (SEC-37): `https:`, or `http:` on a loopback host where that is allowed; no user name in it.
 *
 * @returns The URL in its normal form, or `undefined` where nothing may be sent to it.
 */
export function checkedEndpoint(endpoint: string, allowInsecureRequests = false): string | undefined {
  let url: URL;
  try {
    url = new URL(endpoint);
  } catch {
    return undefined;
  }
  if (url.username !== "" || url.password !== "") return undefined;
  const secure = url.protocol === "https:";
  const tolerated = url.protocol === "http:" && allowInsecureRequests && isLoopback(url.hostname);
  return secure || tolerated ? url.href : undefined;
}

/** Whether a URL's host name is this machine: `localhost` and names under it, 127.0.0.0/8, `[::1]`. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(hostname)
  );
}
