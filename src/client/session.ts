/**
 * The session as the browser sees it: what the server adds to NextAuth's JSON, and what of it a reader can notice.
 *
 * The server's adapter writes these fields from an identical type of its own; neither side imports the other, because
 * no server code may reach a browser bundle.
 *
 * @module
 */

/**
 * How the access token is doing. `fresh`: all is well. `retrying`: a renewal failed, the session stands and the server
 * tries again. `reauthentication_required`: only a new sign-in helps.
 */
export type TokenState =
  | {
      readonly status: "fresh" | "retrying";
      /**
       * When an idle tab should ask for the session, in milliseconds from the moment of the answer. Absent where the
       * token has no known end, so that there is nothing to ask for.
       */
      readonly askInMs?: number;
      /**
       * When the sign-in ends whatever anybody does, in milliseconds from the moment of the answer: its absolute end, or the
       * known end of its refresh token (F28). Absent where neither is known, or is far away.
       */
      readonly endsInMs?: number;
    }
  | { readonly status: "reauthentication_required"; readonly reason: string };

/** What nolapse's server adds to the session. All times are the server's, so a wrong client clock does not matter (F26). */
export interface TokenTiming {
  /** When the access token expires, in epoch seconds by the server's clock. */
  readonly accessTokenExpires?: number;
  /** How long the access token had left when the answer was made, in seconds. */
  readonly accessTokenExpiresIn?: number;
  /** See {@link TokenState}. */
  readonly tokenState?: TokenState;
  /** `RefreshAccessTokenError` (v5: `RefreshTokenError`) when a new sign-in is needed; an app may have errors of its own here. */
  readonly error?: string;
}

/** An end that is not further away than this has come: there is nothing more to ask for. */
const ENDED_MS = 1_000;

/** NextAuth's session with {@link TokenTiming}. The app's own fields are kept, whatever they are. */
export interface ClientSession extends TokenTiming {
  readonly user?: unknown;
  readonly expires?: unknown;
}

/**
 * When to ask, in milliseconds from the answer: when it said to, or at the end of the sign-in where that is sooner (F28).
 * `Infinity` where there is nothing to wait for.
 */
export function askInMsOf(session: ClientSession): number {
  const askInMs = timeOf(session, "askInMs");
  const endsInMs = endsInMsOf(session);
  return endsInMs > ENDED_MS ? Math.min(askInMs, endsInMs) : askInMs;
}

/** When the sign-in ends, in milliseconds from the answer; `Infinity` where it is not known. */
export function endsInMsOf(session: ClientSession): number {
  return timeOf(session, "endsInMs");
}

function timeOf({ tokenState }: ClientSession, name: "askInMs" | "endsInMs"): number {
  const ms = (tokenState as Readonly<Record<string, unknown>> | undefined)?.[name];
  return typeof ms === "number" && ms >= 0 ? ms : Infinity;
}

/** How long the token lives on after {@link askInMsOf}, in milliseconds: the idle lead. `Infinity` where it is not known. */
export function spareMsOf(session: ClientSession): number {
  const askInMs = askInMsOf(session);
  const { accessTokenExpiresIn } = session;
  if (askInMs === Infinity || typeof accessTokenExpiresIn !== "number") return Infinity;
  return Math.max(0, accessTokenExpiresIn * 1_000 - askInMs);
}

/**
 * Returns `previous` where `next` differs from it only in when things end (`accessTokenExpires`, `accessTokenExpiresIn`,
 * `expires`, `tokenState.askInMs` and `endsInMs`), else `next`. So a renewal renders nothing again, unless the
 * app put something into its session that changes with it, such as the access token (F36).
 */
export function keepIdentity(
  previous: ClientSession | null | undefined,
  next: ClientSession | null,
): ClientSession | null {
  return previous && next && viewOf(previous) === viewOf(next) ? previous : next;
}

/** Whether two sessions are of one user, judged by NextAuth's `user.id`, else by `email`, else by `name`. */
export function samePerson(a: ClientSession, b: ClientSession): boolean {
  return personOf(a) === personOf(b);
}

/**
 * What tells users apart, as a string: the `id`, or where there is none the `email`, so that who changes a name stays the
 * same; the `name` only where there is neither. Never leaves this tab as it is.
 */
export function personOf({ user }: ClientSession): string {
  const { id, email, name } = (user ?? {}) as Record<string, unknown>;
  return JSON.stringify(id ? [id] : [email, email || name]);
}

/** What a reader can notice of a session, as a string. Never leaves this tab as it is. */
export function viewOf(session: ClientSession): string {
  const { accessTokenExpires: _at, accessTokenExpiresIn: _in, expires: _end, tokenState, ...rest } = session;
  return JSON.stringify([rest, tokenState && { ...tokenState, askInMs: 0, endsInMs: 0 }]);
}

/** FNV-1a, 32 bits: tells texts apart without giving them away. */
export function checksum(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
