/**
 * What a page loads once it is up: everything of a live session that nobody misses in its first moments.
 *
 * @module
 */
import { shareTabs } from "../client/browser-tabs.ts";
import type { LiveSession } from "./live-session.ts";

/** Starts it. The returned function ends it. */
export function afterLoad({ scheduler, url }: LiveSession): () => void {
  const share = shareTabs(url());
  const stops = share ? [scheduler.share(share)] : [];
  return () => {
    for (const stop of stops) stop();
  };
}
