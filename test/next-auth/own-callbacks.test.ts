/** The application's own callbacks are called as NextAuth calls them. */
import { describe, expect, it } from "vitest";

import { withFreshTokens } from "../../src/next-auth/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";

describe("an application's callbacks that are methods of one object", () => {
  it("find that object in `this` (NextAuth calls them as its methods)", async () => {
    const callbacks = {
      allowed: true,
      signIn(): boolean {
        return this.allowed;
      },
    };
    const { authOptions } = withFreshTokens({ providers: [], callbacks }, { store: memoryStore() });

    const params = { user: { id: "1" }, account: null } as never;
    expect(await authOptions.callbacks?.signIn?.(params)).toBe(true);
    callbacks.allowed = false;
    expect(await authOptions.callbacks?.signIn?.(params)).toBe(false);
  });
});
