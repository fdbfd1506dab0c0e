import NextAuth from "next-auth";

import { authOptions, wrapHandler } from "@/lib/auth";

const handler = wrapHandler(NextAuth(authOptions));

export { handler as GET, handler as POST };
