/**
 * What a browser bundle gets instead of a server entry (`browser` export condition): a clear error, and no server code (SEC-78).
 *
 * @module
 */
throw new Error(
  "This entry of nolapse is for the server only. In the browser use nolapse/react or nolapse/client, and call getAccessToken() in server code.",
);
export {};
