/**
 * What the session shows of a grant: enough for a tab to know when to ask again and for a page to know that a new
 * sign-in is needed, and no secret.
 *
 * @module
 */
import type { ReauthenticationReason } from "../core/errors.ts";
import { epochSecondsFrom, secondsFrom } from "../core/token-set.ts";
import type { GrantView } from "../core/view-grant.ts";

/** The state of a session's access token. `nolapse/react` has the same type for the browser. */
export type TokenState =
  /** `retrying`: the last refresh brought nothing yet; the session stands. */
  | {
      readonly status: "fresh" | "retrying";
      /** Milliseconds until an idle tab should ask. */ readonly askInMs?: number;
      /**
       * Milliseconds from the answer until the sign-in ends whatever anybody does; absent where that is not known, or more
       * than 24 days away. A refresh may bring a refresh token that lives longer: then the next answer says so.
       */
      readonly endsInMs?: number;
    }
  /** Only a new sign-in helps. */
  | { readonly status: "reauthentication_required"; readonly reason: ReauthenticationReason };

/** The members that nolapse adds to a session. */
export interface SessionFields {
  /** Expiry of the access token in epoch seconds; absent where it has no known end. */
  accessTokenExpires?: number;
  /** Seconds until then, counted when the answer was made. */
  accessTokenExpiresIn?: number;
  tokenState?: TokenState;
  /** The states of the tokens of providers that were added to the session, by their ids; absent where there are none. */
  tokenStates?: Readonly<Record<string, TokenState>>;
  /** `RefreshAccessTokenError` (v4) or `RefreshTokenError` (v5) when a new sign-in is needed, as in the guides. */
  error?: string;
  /** Only with `exposeAccessToken: true`. */
  accessToken?: string;
}

/** How soon a tab asks again when the grant could not be read, in milliseconds. */
const UNREADABLE_ASK_MS = 5_000;

/** The fields for a session's own grant. */
export function sessionFieldsOf(view: GrantView, errorName: string): SessionFields {
  const tokenState = tokenStateOf(view);
  if (view.status === "ended") return { tokenState, error: errorName };
  const { askInMs, endsInMs, expiresAtMs, expiresInMs, accessToken } = view;
  return {
    tokenState: {
      ...tokenState,
      ...(askInMs !== undefined && { askInMs }),
      ...(endsInMs !== undefined && { endsInMs }),
    },
    ...(expiresAtMs !== undefined && { accessTokenExpires: epochSecondsFrom(expiresAtMs) }),
    ...(expiresInMs !== undefined && { accessTokenExpiresIn: secondsFrom(expiresInMs) }),
    ...(accessToken !== undefined && { accessToken }),
  };
}

/** The state of a grant's token, without the times that a tab plans by: those are of the session's own. */
export function tokenStateOf(view: GrantView): TokenState {
  return view.status === "ended"
    ? { status: "reauthentication_required", reason: view.reason }
    : { status: view.status };
}

/** The fields while the store is away: the session stands, the tab asks again soon. */
export const UNREADABLE_FIELDS: SessionFields = {
  tokenState: { status: "retrying", askInMs: UNREADABLE_ASK_MS },
};
