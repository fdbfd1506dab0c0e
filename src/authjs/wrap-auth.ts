/**
 * The wrapper around what `NextAuth()` of v5 returns: the route, and the server actions that pass it by.
 *
 * @module
 */
import type { App } from "../adapter/app.ts";
import { wrongEntry } from "../adapter/installed-version.ts";
import { currentRequestIfAny } from "../adapter/next-modules.ts";
import { InvalidOptionError } from "../core/errors.ts";
import { inSignIn, inSignOut, wrapHandlerOf } from "../adapter/wrap-handler.ts";

/** What `NextAuth()` returns, as far as it is wrapped. */
export interface AuthParts {
  readonly handlers: object;
  readonly signIn: (...args: never[]) => Promise<unknown>;
  readonly signOut?: (...args: never[]) => Promise<unknown>;
}

/** Wraps the parts that sign in, or read and write the session cookie by the route. */
export function wrapAuthOf(app: App): <Parts extends AuthParts>(parts: Parts) => Parts {
  const wrapHandler = wrapHandlerOf(app);
  return <Parts extends AuthParts>(parts: Parts): Parts => {
    if (typeof parts === "function") throw wrongEntry(5);
    if (typeof (parts as Partial<Parts> | undefined)?.handlers !== "object") {
      throw new InvalidOptionError(
        "wrapAuth",
        "takes what NextAuth returned: wrapAuth(NextAuth(authConfig))",
      );
    }
    const { handlers, signIn, signOut } = parts;
    return {
      ...parts,
      handlers: Object.fromEntries(
        Object.entries(handlers).map(([method, handler]) => [method, wrapHandler(handler as () => unknown)]),
      ),
      async signIn(...args: never[]) {
        const source = await currentRequestIfAny();
        return source === undefined ? signIn(...args) : inSignIn(app, source, () => signIn(...args));
      },
      ...(signOut && {
        async signOut(...args: never[]) {
          const source = await currentRequestIfAny();
          return source === undefined ? signOut(...args) : inSignOut(app, source, () => signOut(...args));
        },
      }),
    };
  };
}
