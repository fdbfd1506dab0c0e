/** The request header in which the proxy passes on the life left in the token, in milliseconds. */
export const TOKEN_LEFT_HEADER = "x-token-left-ms";
