import { afterEach, describe, expect, it, vi } from "vitest";
import { fromExample } from "./load.ts";

interface OptionalProviders {
  readonly extraProviders: () => readonly { readonly id: string; readonly name: string }[];
}

interface AuthProviders {
  readonly signInProviders: () => readonly { readonly id: string; readonly options?: object }[];
}

const { extraProviders } = await fromExample<OptionalProviders>("lib/optional-providers");
const { signInProviders } = await fromExample<AuthProviders>(
  "lib/auth-providers",
  "lib/settings",
  "lib/backend",
  "lib/optional-providers",
);

/** Only these are set of the variables that a provider may need. */
function onlySet(...names: readonly string[]): void {
  for (const prefix of ["GOOGLE", "KAKAO", "NAVER", "KEYCLOAK"])
    for (const name of [`${prefix}_CLIENT_ID`, `${prefix}_CLIENT_SECRET`]) vi.stubEnv(name, "");
  vi.stubEnv("KEYCLOAK_ISSUER", "");
  for (const name of names)
    vi.stubEnv(name, name === "KEYCLOAK_ISSUER" ? "https://login.example.com/realms/app" : name);
}

afterEach(() => void vi.unstubAllEnvs());

describe("the example's ways to sign in", () => {
  it("are the two bundled ones where no variable is set", () => {
    onlySet();

    expect(extraProviders()).toEqual([]);
    expect(signInProviders().map(({ id }) => id)).toEqual(["demo", "credentials"]);
  });

  it.each([
    ["google", "Google", ["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"]],
    ["kakao", "Kakao", ["KAKAO_CLIENT_ID", "KAKAO_CLIENT_SECRET"]],
    ["naver", "Naver", ["NAVER_CLIENT_ID", "NAVER_CLIENT_SECRET"]],
    ["keycloak", "Keycloak", ["KEYCLOAK_CLIENT_ID", "KEYCLOAK_CLIENT_SECRET", "KEYCLOAK_ISSUER"]],
  ])("have %s with all of its variables, and not with one less", (id, name, variables) => {
    onlySet(...variables);
    expect(extraProviders()).toEqual([{ id, name }]);
    expect(signInProviders().at(-1)).toMatchObject({
      id,
      options: { clientId: variables[0], clientSecret: variables[1] },
    });

    for (const missing of variables) {
      onlySet(...variables.filter((variable) => variable !== missing));
      expect(extraProviders(), `without ${missing}`).toEqual([]);
    }
  });

  it("ask Google for a refresh token, which it does not give by itself", () => {
    onlySet("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET");

    expect(signInProviders().at(-1)).toMatchObject({
      options: { authorization: { params: { access_type: "offline", prompt: "consent" } } },
    });
  });
});
