import NextAuth from "next-auth-v5";
import { describe, expect, it } from "vitest";
import { withFreshTokens } from "../../src/authjs/index.ts";
import { withFreshTokens as withFreshTokensOfV4 } from "../../src/next-auth/index.ts";
import { systemClock } from "../../src/core/clock.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { SECRET } from "./support/world.ts";

const SAYS = /^"nolapse\/next-auth" is for next-auth 4, and this app has next-auth 5: .*"nolapse\/authjs"/;

describe("nolapse/next-auth in an app that has next-auth 5", () => {
  const app = () =>
    withFreshTokensOfV4({ providers: [], secret: SECRET }, { store: memoryStore({ clock: systemClock }) });

  it("says which entry is the right one when it is given what NextAuth() returns", () => {
    const { authOptions, wrapHandler } = app();

    expect(() => wrapHandler(NextAuth(authOptions as never) as never)).toThrow(
      expect.objectContaining({ code: "invalid_option", message: expect.stringMatching(SAYS) }),
    );
  });

  it("does not take anything else for it, either", () => {
    const { wrapAuth } = withFreshTokens({ providers: [] }, { store: memoryStore({ clock: systemClock }) });

    expect(() => wrapAuth({} as never)).toThrow(/wrapAuth\(NextAuth\(authConfig\)\)/);
  });

  it("says so at the start and at the first use, too", async () => {
    const { check, getAccessToken, resealGrants } = app();
    const request = new Request("http://localhost:3000/");

    for (const use of [check, () => getAccessToken(request), resealGrants]) {
      await expect(use()).rejects.toMatchObject({
        code: "invalid_option",
        message: expect.stringMatching(SAYS),
      });
    }
  });
});
