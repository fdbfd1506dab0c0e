/**
 * What a bundle for the Edge runtime gets instead of a server entry (`edge-light` export condition): a clear error, where
 * Node's modules would be missing one by one. Turbopack ends the build because there are no exports here, and shows of this
 * file nothing but its name.
 *
 * @module
 */
throw new Error(
  'This entry of nolapse needs the Node runtime, and middleware.ts runs on the Edge. Use proxy.ts (Next 16), add runtime: "nodejs" to the config of middleware.ts (Next 15.5), or protect pages and routes in themselves: getAccessToken() works there.',
);
export {};
