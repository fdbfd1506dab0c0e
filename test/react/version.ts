/**
 * What differs between the two versions of next-auth that these tests run on. The project `client` has 4, `client-authjs` 5.
 *
 * @module
 */
import * as nextAuthReact from "next-auth/react";

/** The version that is installed, or aliased. */
export const VERSION: 4 | 5 = "__NEXTAUTH" in nextAuthReact ? 5 : 4;

/**
 * How many requests next-auth's own provider, or its `getSession()`, makes of one: in version 5 a tab hears what it says,
 * because that is sent on another channel object.
 */
export const REQUESTS_OF_NEXT_AUTH = VERSION === 4 ? 1 : 2;
