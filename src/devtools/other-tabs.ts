/**
 * Listens to what the tabs of this browser tell each other, and counts those that have a panel. It never posts to the
 * channel that the schedulers use.
 *
 * @module
 */
import { openChannel } from "../client/browser.ts";
import { readNews, type TabNews } from "../client/tab-news.ts";

/** What to do with what is heard. */
export interface TabListener {
  /** A message on the schedulers' channel, of another tab or of this one: a channel hears all others of its name. */
  onNews(news: TabNews): void;
  /** Now, in milliseconds of the monotonic clock. */
  nowMs(): number;
}

/** One tab's ear. */
export interface TabWatch {
  /** Says that this tab is there. */
  announce(): void;
  /** How many other tabs with a panel were heard of within so many milliseconds. */
  heardWithin(durationMs: number): number;
  stop(): void;
}

const MAX_TABS = 200;

/**
 * Begins to listen. Where a browser has no channels, or forbids them, nothing is heard.
 *
 * @param path The path of the session route, by which the channels are named.
 * @param tab A number that no other tab has.
 */
export function watchTabs(path: string, tab: number, { onNews, nowMs }: TabListener): TabWatch {
  const heardAtMs = new Map<number, number>();
  let news: BroadcastChannel | undefined;
  let panels: BroadcastChannel | undefined;

  const post = (kind: "hello" | "here" | "gone"): void => panels?.postMessage({ kind, tab });
  const hearNews = ({ data }: MessageEvent<unknown>): void => {
    const heard = readNews(data);
    if (heard) onNews(heard);
  };
  const hearPanel = ({ data }: MessageEvent<unknown>): void => {
    const { kind, tab: who } = (data ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof who !== "number" || who === tab) return;
    if (kind === "gone") return void heardAtMs.delete(who);
    if (heardAtMs.size < MAX_TABS || heardAtMs.has(who)) heardAtMs.set(who, nowMs());
    if (kind === "hello") post("here");
  };
  function open(): void {
    if (news) return;
    news = openChannel(`nolapse ${path}`);
    panels = openChannel(`nolapse devtools ${path}`);
    news?.addEventListener("message", hearNews);
    panels?.addEventListener("message", hearPanel);
    post("hello");
  }
  // An open channel may keep a page out of the back/forward cache.
  function close(): void {
    post("gone");
    news?.close();
    panels?.close();
    news = panels = undefined;
  }

  open();
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  return {
    announce: () => post("here"),
    heardWithin: (durationMs) =>
      [...heardAtMs.values()].filter((atMs) => nowMs() - atMs <= durationMs).length,
    stop() {
      close();
      removeEventListener("pagehide", close);
      removeEventListener("pageshow", open);
    },
  };
}
