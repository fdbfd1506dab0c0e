"use client";
/**
 * nolapse for React apps with NextAuth.js v4 or Auth.js v5. `useSession`, `signIn`, `signOut` and `getSession` stay next-auth/react's.
 *
 * @module
 */
export { RefreshTokenHandler } from "./refresh-token-handler.tsx";
export type { RefreshTokenHandlerProps } from "./refresh-token-handler.tsx";
export { SessionProvider } from "./session-provider.tsx";
export type { SessionProviderProps } from "next-auth/react";
export type { ClientSession, TokenState, TokenTiming } from "../client/session.ts";
