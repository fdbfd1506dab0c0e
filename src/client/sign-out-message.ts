/**
 * NextAuth's own message that somebody signed out: what a tab makes of it where the session cannot be had, so that nobody
 * knows whether the server would say the same.
 *
 * It is sent once the server has answered the sign-out, and it can be forged or late. So it is believed only until a session
 * is known again, and whoever believes it asks the server.
 *
 * @module
 */

/** What a tab makes of it. */
export interface SignOutMessage {
  /** Whether a sign-out is the last that was said, and was said since a session was known last (I13). */
  isNew(): boolean;
  /** To be called whenever a session is known: what was said before is over. */
  settle(): void;
}

/**
 * Follows the messages from now on.
 *
 * @param last The last message of any tab if that is a sign-out, each another value, else `undefined`. Must not throw.
 */
export function followSignOut(last: () => unknown): SignOutMessage {
  let settled = last();
  return {
    isNew() {
      const message = last();
      return message !== undefined && message !== settled;
    },
    settle() {
      settled = last();
    },
  };
}
