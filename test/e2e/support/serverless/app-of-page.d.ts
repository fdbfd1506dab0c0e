/** What the page's `auth.ts` exports, in its form for either version: `bundle-function.ts` puts the page's code there. */
declare module "@/auth" {
  export const authOptions: import("next-auth").AuthOptions;
  export const handlers: Record<
    "GET" | "POST",
    (request: import("next/server.js").NextRequest) => Promise<Response>
  >;
  export const check: import("../../../../src/next-auth/index.ts").Check;
  export const getAccessToken: import("../../../../src/next-auth/index.ts").GetAccessToken;
  export const wrapHandler: import("../../../../src/next-auth/index.ts").FreshTokens["wrapHandler"];
}
