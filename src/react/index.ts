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
export { stayActive } from "./stay-active.ts";
export { TokenMarker } from "./token-marker.tsx";
export type { TokenMarkerProps } from "./token-marker.tsx";
export { useAccessToken } from "./use-access-token.ts";
export type { UseAccessToken } from "./use-access-token.ts";
export { useTokenState } from "./use-token-state.ts";
export type { LiveTokenState } from "./use-token-state.ts";
export type { ClientSession, TokenState, TokenTiming } from "../client/session.ts";
export { BrowserTokenError, isBrowserTokenError } from "../client/browser-token-error.ts";
export type { BrowserTokenErrorCode } from "../client/browser-token-error.ts";
export type { BrowserToken } from "../client/held-token.ts";
export type { BrowserTokenOptions } from "../client/token-source.ts";
export { getAccessToken, onTokenChange } from "./get-access-token.ts";
