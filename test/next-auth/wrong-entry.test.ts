import nextAuth from "next-auth";
import { describe, expect, it } from "vitest";
import { withFreshTokens as withFreshTokensOfV5 } from "../../src/authjs/index.ts";
import { systemClock } from "../../src/core/clock.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { SECRET } from "./support/world.ts";

const SAYS = /^"nolapse\/authjs" is for next-auth 5, and this app has next-auth 4: .*"nolapse\/next-auth"/;
const NextAuth = nextAuth as unknown as (config: object) => never;

describe("nolapse/authjs in an app that has next-auth 4", () => {
  const app = () =>
    withFreshTokensOfV5({ providers: [], secret: SECRET }, { store: memoryStore({ clock: systemClock }) });

  it("says which entry is the right one when it is given what NextAuth() returns", () => {
    const { authConfig, wrapAuth } = app();

    expect(() => wrapAuth(NextAuth(authConfig))).toThrow(
      expect.objectContaining({ code: "invalid_option", message: expect.stringMatching(SAYS) }),
    );
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
