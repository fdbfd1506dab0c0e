/** A passkey provider of Auth.js whose passkeys nobody has to make: it tells whom one would be registered for. */
import type { Provider } from "next-auth-v5/providers";

/** What a request for registration options is answered with: the address of the user, or 400 where there is none. */
export function passkeyProvider(): Provider {
  const generate = ({ userName }: { userName?: string }): Promise<object> =>
    Promise.resolve({ challenge: "a challenge", userName });
  return {
    id: "passkey",
    name: "Passkey",
    type: "webauthn",
    timeout: 60_000,
    formFields: {},
    getUserInfo: () => Promise.resolve(null),
    getRelayingParty: () => ({ id: "localhost", name: "App", origin: "http://localhost:3000" }),
    registrationOptions: {},
    authenticationOptions: {},
    simpleWebAuthn: { generateRegistrationOptions: generate, generateAuthenticationOptions: generate },
  } as unknown as Provider;
}

/** The methods that Auth.js wants of an adapter for it. */
export const PASSKEY_METHODS = {
  getAccount: () => Promise.resolve(null),
  getAuthenticator: () => Promise.resolve(null),
  createAuthenticator: () => Promise.resolve(null),
  listAuthenticatorsByUserId: () => Promise.resolve([]),
  updateAuthenticatorCounter: () => Promise.resolve(null),
} as const;

/** Of the configuration, beside the provider and the adapter. */
export const PASSKEY_CONFIG = {
  session: { strategy: "jwt" },
  experimental: { enableWebAuthn: true },
} as const;
