/**
 * The table of docs/providers.md, made from the provider profiles.
 *
 * @module
 */
import { PROFILED_PROVIDERS, profileOf } from "../../src/oauth/profiles.ts";
import { DEFAULT_PROFILE, type ProviderProfile } from "../../src/oauth/provider-profile.ts";
import { withMarkedPart } from "./marked-part.ts";

/** Where the table stands in the page. */
const MARKS = {
  start: "<!-- Made from src/oauth/profiles.ts by `node scripts/check-docs.ts --write`. -->",
  end: "<!-- End of the table. -->",
};

const MINUTE_MS = 60_000;

/** The table as Markdown, with a row for every provider that has a profile. */
export function providerTable(): string {
  const rows = PROFILED_PROVIDERS.map((id) => {
    const profile = profileOf(id);
    return `| \`${id}\` | ${cell(profile.refreshTokenHint)} | ${revocation(profile)} | ${peculiarities(profile)} |`;
  });
  return [
    "| NextAuth id | to get a refresh token | at sign-out | what nolapse does differently |",
    "| --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

/** The page with the table of today. */
export function withProviderTable(page: string): string {
  return withMarkedPart(page, MARKS, providerTable());
}

function revocation({ revocation: kind }: ProviderProfile): string {
  if (kind === "token") return "revoked";
  return kind === "none" ? "no endpoint" : "not revoked: it would end other devices too";
}

function peculiarities(profile: ProviderProfile): string {
  const found = [
    !profile.hasRefreshGrant && "there is no refresh grant: the grant ends with its access token",
    profile.accessTokenDiesOnRefresh &&
      "a refresh kills the access token in hand: expect a 401 for calls in flight",
    rotation(profile),
    profile.defaultLifetimeMs !== undefined &&
      `assumes ${profile.defaultLifetimeMs / MINUTE_MS} min where no expiry is told`,
    profile.scopeOnRefresh === "granted" && "repeats the granted scope",
    profile.addedScopes !== undefined &&
      `always asks for ${profile.addedScopes.map((scope) => `\`${scope}\``).join(", ")}`,
    profile.sendsRedirectUri && "repeats the redirect URI",
    profile.bodyFormat === "json" && "sends JSON",
    profile.tokenEndpointAuthMethod === "client_secret_post" &&
      "client secret in the body (`client_secret_post`)",
    profile.clientAssertionAudience !== DEFAULT_PROFILE.clientAssertionAudience &&
      "client assertions name the token endpoint",
    profile.issuerMatch === "trailing-slash" && "the server's issuer may end in a slash",
    profile.issuerMatch === "unchecked" && "the server's issuer is free text and not compared",
    profile.issuerAliases !== undefined && "knows two spellings of the issuer",
    profile.tokenTypes !== undefined &&
      `takes the token types ${profile.tokenTypes.map((type) => `\`${type}\``).join(", ")} for bearer tokens`,
    (profile.readRefusal ?? profile.refusals) !== undefined && "knows its own words for a dead refresh token",
    profile.unwrap !== undefined && "finds the tokens of a user in a nested answer",
  ].filter((text) => text !== false);
  return found.join("; ");
}

function rotation({ rotation: { class: name, graceMs } }: ProviderProfile): string | false {
  if (name === "strict") return false;
  if (name === "none")
    return "its refresh tokens do not rotate: a refresh whose answer got lost is sent again";
  if (name === "overlapping")
    return "the old refresh token stays valid: a refresh whose answer got lost is sent again";
  return `within ${graceMs / MINUTE_MS} min a refresh whose answer got lost is sent again (\`${name}\`)`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\.$/, "");
}
