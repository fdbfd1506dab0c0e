/**
 * nolapse's share of NextAuth's `signIn` callback and events, in the form that both versions take.
 *
 * @module
 */
import type { AppCallbacks, SignInParams } from "./callbacks.ts";
import { withoutClaim, type SessionToken } from "./claim.ts";

/** An application's own callback or listener. */
type Own<Message> = ((message: Message) => unknown) | undefined;
/** What the `signOut` and `session` events tell, as far as nolapse reads it. */
type TokenMessage = { readonly token?: object | null };

/** The events that nolapse listens to. */
export interface WrappedEvents {
  readonly signIn: (message: object) => Promise<void>;
  readonly signOut: (message: object) => Promise<void>;
  readonly session: (message: object) => Promise<void>;
}

/** The `signIn` callback around the application's own. */
export function wrapSignIn<Params extends SignInParams>(
  own: Own<Params>,
  ours: AppCallbacks,
): (params: Params) => Promise<string | boolean> {
  return async (params) => {
    const allowed = own ? await own(params) : true;
    // As NextAuth reads it: a text is an address, and everything else that is true lets the user in.
    return typeof allowed === "string" || !allowed ? (allowed as string | false) : ours.signIn(params);
  };
}

/** The events around the application's own. */
export function wrapEvents(
  own: { readonly signIn?: unknown; readonly signOut?: unknown; readonly session?: unknown },
  ours: AppCallbacks,
): WrappedEvents {
  const [signIn, signOut, session] = [own.signIn, own.signOut, own.session] as Own<object>[];
  return {
    async signIn(message: object) {
      ours.signedIn();
      await signIn?.(message);
    },
    async signOut(message: TokenMessage) {
      await ours.signedOut(message.token as SessionToken | null | undefined);
      await signOut?.(tokenHidden(message));
    },
    async session(message: TokenMessage) {
      try {
        await session?.(tokenHidden(message));
      } finally {
        await ours.sessionRead();
      }
    },
  };
}

/** The application's own listeners see the JWT without the claim, so that what they log or copy can't leak it. */
function tokenHidden(message: TokenMessage): TokenMessage {
  return { ...message, ...(message.token && { token: withoutClaim(message.token) }) };
}
