import { describe, expect, it } from "vitest";

import { authMethodOf } from "../../src/oauth/client-authentication.ts";
import { profileOf } from "../../src/oauth/profiles.ts";

const CONFIG = { id: "own", clientId: "app", clientSecret: "secret" };

describe("the client authentication method of a provider that names none", () => {
  it("is HTTP Basic, as RFC 6749 prefers it", () => {
    expect(authMethodOf(CONFIG, profileOf("own"))).toBe("client_secret_basic");
    expect(authMethodOf(CONFIG, profileOf("own"), ["client_secret_post", "client_secret_basic"])).toBe(
      "client_secret_basic",
    );
  });

  it("is the body where the metadata lists only that, as at NextAuth's sign-in", () => {
    expect(authMethodOf(CONFIG, profileOf("own"), ["client_secret_post", "private_key_jwt"])).toBe(
      "client_secret_post",
    );
  });

  it("stays HTTP Basic where the metadata lists neither", () => {
    expect(authMethodOf(CONFIG, profileOf("own"), ["private_key_jwt"])).toBe("client_secret_basic");
  });

  it("is the body at Apple, whatever is known of its metadata (Q23)", () => {
    expect(authMethodOf({ ...CONFIG, id: "apple" }, profileOf("apple"))).toBe("client_secret_post");
  });

  it("is what the application configured, before everything else", () => {
    const config = { ...CONFIG, tokenEndpointAuthMethod: "client_secret_basic" } as const;

    expect(authMethodOf(config, profileOf("apple"), ["client_secret_post"])).toBe("client_secret_basic");
  });
});
