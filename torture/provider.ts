/** The authorization server of a run, as every engine in it is told of it. */
import type { OAuthRefresherOptions } from "../src/oauth/oauth-refresher.ts";

/** What is known of it. */
export interface ServerSetup {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Says the same of every grant's provider. */
export function providerOf({
  issuer,
  clientId,
  clientSecret,
}: ServerSetup): OAuthRefresherOptions["resolveProvider"] {
  return () => ({ id: "torture", issuer, clientId, clientSecret, allowInsecureRequests: true });
}
