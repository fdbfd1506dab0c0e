/**
 * The real {@link OtherTabs}: a channel of our own, and Web Locks where there are any. A page works without this file until it
 * has loaded, so that it need not be part of what a page loads first.
 *
 * @module
 */
import { browserEnvironment, openChannel } from "./browser.ts";
import type { OtherTabs } from "./environment.ts";
import { createSharing, type Peer, type Sharing } from "./sharing.ts";

/**
 * For {@link Scheduler.share}: the tabs of this browser that were given the same `name`, such as the path of their session
 * route. Where the browser lets them not talk, this one is alone.
 *
 * @param onNews Called on all that this tab learns, changed or not: an answer, a failure, another tab's. Must not throw.
 */
export function shareTabs(name: string, onNews?: () => void): (peer: Peer) => Sharing {
  const channelName = `nolapse ${name}`;
  const channel = openChannel(channelName);
  const tabs = channel ? browserTabs(channelName, channel) : NO_TABS;
  return (peer) => createSharing(browserEnvironment(), tabs, peer, onNews);
}

const NO_TABS: OtherTabs = { post: () => undefined, onPost: () => () => undefined, lock: undefined };

function browserTabs(name: string, first: BroadcastChannel): OtherTabs {
  let channel: BroadcastChannel | undefined = first;
  return {
    post: (news) => channel?.postMessage(news),
    onPost(listener) {
      const onMessage = ({ data }: MessageEvent): void => listener(data);
      // An open channel may keep a page out of the back/forward cache, and what it missed there is old news.
      const close = (): void => {
        channel?.removeEventListener("message", onMessage);
        channel?.close();
        channel = undefined;
      };
      const open = (): void => {
        channel ??= openChannel(name);
        channel?.addEventListener("message", onMessage);
      };
      open();
      addEventListener("pagehide", close);
      addEventListener("pageshow", open);
      return () => {
        close();
        removeEventListener("pagehide", close);
        removeEventListener("pageshow", open);
      };
    },
    get lock() {
      const { locks } = navigator as { readonly locks?: LockManager };
      return (
        locks && ((hold: () => Promise<void>, signal: AbortSignal) => locks.request(name, { signal }, hold))
      );
    },
  };
}
