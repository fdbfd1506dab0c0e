/**
 * What each of the five doors comes down to in code. What stands between `**` is nolapse's.
 *
 * @module
 */
import type { Dictionary } from "@/lib/i18n";

export const SNIPPETS: Readonly<Record<keyof Dictionary["doors"], string>> = {
  protected: `// app/protected/page.tsx
export default async function Page() {
  const { accessToken } = **await getAccessToken()**;
  const answer = await fetch(\`\${API_URL}/orders\`, {
    headers: { authorization: \`Bearer \${accessToken}\` },
  });
  …
}`,
  client: `// app/api/orders/route.ts
export async function GET() {
  const answer = **await fetchWithToken**(\`\${API_URL}/orders\`);
  return Response.json(await answer.json());
}

// in the browser
const answer = await fetch("/api/orders");`,
  action: `// app/action/actions.ts
"use server";

export async function loadMyOrders() {
  const answer = **await fetchWithToken**(\`\${API_URL}/orders\`);
  return answer.json();
}`,
  pagesRouter: `// pages/pages-router.tsx
export async function getServerSideProps(ctx) {
  const { accessToken } = **await getAccessToken(ctx)**;
  …
}

// pages/api/pages/orders.ts
export default async function handler(req, res) {
  const { accessToken } = **await getAccessToken(req, res)**;
  …
}`,
  viaProxy: `// proxy.ts
export async function proxy(request) {
  const { expiresAtMs } = **await getAccessToken(request)**;
  const headers = new Headers(request.headers);
  headers.set("x-token-left-ms", String(expiresAtMs - Date.now()));
  return NextResponse.next({ request: { headers } });
}

export const config = { matcher: "/via-proxy" };`,
};
