/**
 * Whom the installed next-auth 5 makes passkeys for. In a file of its own: Auth.js keeps in mind, for all configurations of a
 * process, that it has seen a passkey provider.
 */
import { decode } from "next-auth/jwt";
import { describe, expect, it } from "vitest";
import { PASSKEY_CONFIG, PASSKEY_METHODS, passkeyProvider } from "../../authjs/support/passkey.ts";
import { backendProvider } from "../../authjs/support/world.ts";
import { captureConsole } from "../../next-auth/support/console.ts";
import { scene } from "../support/installed.ts";

describe("the options for a new passkey", () => {
  it("are for the user whom jwt.decode names, and for nobody where it gives null (src/adapter/wrap-decode.ts)", async () => {
    captureConsole();
    const blind = { is: false };
    const { seen, app } = await scene({
      adapter: PASSKEY_METHODS,
      decode: (params) => (blind.is ? Promise.resolve(null) : decode(params as never)),
      options: {
        ...PASSKEY_CONFIG,
        providers: [
          backendProvider((user) => ({ id: user, name: user, email: `${user}@example.com` })),
          passkeyProvider(),
        ],
      },
    });
    const alice = app.browser();
    await alice.signInWithPassword({ user: "alice" });
    const ask = { query: { action: "register" } };

    expect((await alice.get("webauthn-options/passkey", ask)).json()).toMatchObject({
      options: { userName: "alice@example.com" },
    });
    expect(seen.names()).toContain("jwt.decode");
    blind.is = true;
    expect((await alice.get("webauthn-options/passkey", ask)).status).toBe(400);
  });
});
