import { describe, expect, it } from "vitest";
import {
  MAX_END_SESSION_URL_LENGTH,
  endSessionEndpointOf,
  endSessionUrl,
} from "../../src/oauth/end-session.ts";
import { createJsonDocuments } from "../../src/oauth/json-documents.ts";
import type { OAuthProviderConfig } from "../../src/oauth/provider-config.ts";
import { createServerMetadata } from "../../src/oauth/server-metadata.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";

const END = "https://as.example/logout";

describe("the address of a sign-out", () => {
  it("says who asks, for whom, and where to go on", () => {
    const url = new URL(
      endSessionUrl(END, {
        clientId: "app & co",
        idTokenHint: "a.b.c",
        postLogoutRedirectUri: "https://app.example/bye?x=1&y=2",
      }),
    );

    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: "app & co",
      id_token_hint: "a.b.c",
      post_logout_redirect_uri: "https://app.example/bye?x=1&y=2",
    });
  });

  it("keeps what the endpoint itself asks for, and overrides nothing else", () => {
    expect(endSessionUrl(`${END}?tenant=7&client_id=evil`, { clientId: "app" })).toBe(
      `${END}?tenant=7&client_id=app`,
    );
  });

  it("leaves out an ID token that no server would read in an address", () => {
    const fits = endSessionUrl(END, { clientId: "app", idTokenHint: "x".repeat(7_900) });
    const tooLong = endSessionUrl(END, { clientId: "app", idTokenHint: "x".repeat(8_000) });

    expect(fits.length).toBeLessThanOrEqual(MAX_END_SESSION_URL_LENGTH);
    expect(fits).toContain("id_token_hint");
    expect(tooLong).toBe(`${END}?client_id=app`);
  });
});

describe("the place of a sign-out", () => {
  const metadata = { issuer: "https://as.example", end_session_endpoint: END };
  const found = (config: Partial<OAuthProviderConfig>, document: object = metadata) =>
    endSessionEndpointOf(
      { id: "custom", clientId: "app", issuer: "https://as.example", ...config },
      createServerMetadata(
        createJsonDocuments({
          clock: new FakeClock(),
          fetch: () => Promise.resolve(Response.json(document)),
        }),
      ),
      new AbortController().signal,
    );

  it("is the configured one, else that of the metadata", async () => {
    expect(await found({})).toEqual({ endpoint: END });
    expect(await found({ endSessionEndpoint: `${END}/own` })).toEqual({ endpoint: `${END}/own` });
  });

  it.each([
    ["the metadata has none", {}, { issuer: "https://as.example" }, "no_end_session_endpoint"],
    [
      "it is http",
      {},
      { ...metadata, end_session_endpoint: "http://as.example/" },
      "no_end_session_endpoint",
    ],
    [
      "the configured one is http",
      { endSessionEndpoint: "http://as.example/" },
      metadata,
      "insecure_endpoint",
    ],
    [
      "the metadata is another issuer's",
      {},
      { ...metadata, issuer: "https://evil.example" },
      "issuer_mismatch",
    ],
  ] as const)("is nowhere where %s (SEC-36, SEC-37)", async (_name, config, document, code) => {
    expect(await found(config, document)).toMatchObject({ code });
  });
});
