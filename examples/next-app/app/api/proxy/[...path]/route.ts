import { createTokenHandler } from "@/lib/auth";
import { API_URL } from "@/lib/settings";

/** What the pages may call at the API, as the signed-in user. The token is added here and never reaches the browser. */
export const { GET, HEAD, POST, PUT, PATCH, DELETE } = createTokenHandler({
  apis: {
    shop: { origin: API_URL, paths: ["/me", "/ticks", "/echo"], methods: ["GET", "POST"] },
  },
});
