"use client";
/**
 * The marker for server components, which cannot set the cookie.
 *
 * @module
 */
import { useEffect } from "react";
import { followMounted } from "./mounted.ts";
import { useLiveSession } from "./use-live-session.ts";

/** What {@link TokenMarker} takes. */
export interface TokenMarkerProps {
  /** What `tokenMarker()` of `withFreshTokens` resolves to; `undefined` for none. */
  readonly value: string | undefined;
}

/**
 * Tells the page that the server has named this token, as the cookie `nolapse.marker` would: if the page does not know it,
 * one tab asks for all (F35). For server components, which cannot set a cookie. Renders nothing.
 */
export function TokenMarker({ value }: TokenMarkerProps): null {
  const live = useLiveSession("TokenMarker");
  useEffect(
    () =>
      followMounted(live, ({ marker }) => {
        marker.tell(value);
        return () => undefined;
      }),
    [live, value],
  );
  return null;
}
