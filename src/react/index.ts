"use client";
/**
 * nolapse for React apps with NextAuth.js v4 or Auth.js v5. `useSession`, `signIn`, `signOut` and `getSession` stay next-auth/react's.
 *
 * @module
 */
export { RefreshTokenHandler } from "./refresh-token-handler.tsx";
export type { RefreshTokenHandlerProps } from "./refresh-token-handler.tsx";
export { SessionProvider } from "./session-provider.tsx";
export type { SessionProviderProps } from "./session-provider.tsx";
export { useSignInSoon } from "./use-sign-in-soon.ts";
export type { PolicyProps } from "./policy.ts";
export type { SignInSoon } from "../client/sign-in-soon.ts";
export type { ClientSession, TokenState, TokenTiming } from "../client/session.ts";
