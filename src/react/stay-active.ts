"use client";
/**
 * Activity that only the app knows of.
 *
 * @module
 */
import { mountedSessions } from "./mounted.ts";

/**
 * Counts as input of the user, for every `SessionProvider` of the page and in all tabs: for what nolapse cannot see, such as
 * the use of a frame. Cheap: more than one call a second changes nothing. Without `keepAlive="user-active"`, before a provider
 * is up and on a server it does nothing.
 */
export function stayActive(): void {
  for (const { policy } of mountedSessions()) policy.stayActive();
}
