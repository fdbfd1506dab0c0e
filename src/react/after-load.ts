/**
 * What a page loads once it is up: everything of a live session that nobody misses in its first moments.
 *
 * @module
 */
import { shareTabs } from "../client/browser-tabs.ts";
import type { Sharing } from "../client/sharing.ts";
import type { LiveSession } from "./live-session.ts";
import { policyOf } from "./policy-of.ts";

/** Starts it. The returned function ends it. */
export function afterLoad(live: LiveSession): () => void {
  const { scheduler, url } = live;
  const { heardActive, start, changed } = policyOf(live);
  const share = shareTabs(url());
  let tabs: Sharing | undefined;
  const stops = share ? [scheduler.share((peer) => (tabs = share({ ...peer, heardActive })))] : [];
  live.policyChanged = changed;
  stops.push(start((atMs) => tabs?.tellActive(atMs)));
  return () => {
    for (const stop of stops) stop();
  };
}
