/** A function of a NextAuth v4 app, whose route is one of the Pages Router. */
import nextAuth from "next-auth";
import { authOptions, check, getAccessToken, wrapHandler } from "@/auth";

import { asPagesRequest, asPagesResponse } from "../pages-router.ts";
import { serve } from "./function-process.ts";

// CommonJS, imported by a module.
const { default: NextAuth } = nextAuth;
const handler = wrapHandler(NextAuth(authOptions) as (request: object, response: object) => Promise<unknown>);

serve({
  check,
  route: async (request, response) => handler(await asPagesRequest(request), asPagesResponse(response)),
  accessToken: async (request, response) =>
    (await getAccessToken(await asPagesRequest(request), response, { minValidityMs: 2_000 })).accessToken,
});
