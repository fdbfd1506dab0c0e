import { describe, expect, it } from "vitest";
import type { AdapterLike } from "../../src/adapter/adapter-like.ts";
import { withFreshTokens } from "../../src/next-auth/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";

describe("an adapter without some of its methods", () => {
  it.each(["createSession", "getSessionAndUser", "deleteSession", "linkAccount"])(
    "still has no %s when it is wrapped: NextAuth itself says at the start what is missing",
    (name) => {
      const whole: AdapterLike = {
        createSession: () => null,
        getSessionAndUser: () => null,
        deleteSession: () => null,
        linkAccount: () => null,
      };
      const { [name as keyof AdapterLike]: _missing, ...adapter } = whole;
      const { authOptions } = withFreshTokens(
        { providers: [], adapter, session: { strategy: "database" } },
        { store: memoryStore() },
      );

      expect(Object.keys(authOptions.adapter ?? {}).sort()).toEqual(Object.keys(adapter).sort());
    },
  );
});
