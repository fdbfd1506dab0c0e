/**
 * Another tab, as this one sees it: it says things and it hears things.
 *
 * @module
 */
import { onTestFinished, vi } from "vitest";
import { pass } from "./browser.tsx";
import { VERSION } from "./version.ts";

/** The other tab's end. A channel does not hear itself. */
const channel = VERSION === 5 ? new BroadcastChannel("next-auth") : undefined;

/** As it is before a test watches it: what another tab writes is not what this one says. */
const { setItem } = Storage.prototype;
let written = 0;

/** What this tab sees when another one posts next-auth's message. */
export async function otherTabSays(trigger: "signout" | "getSession"): Promise<void> {
  const message = { event: "session", data: { trigger } };
  if (channel) {
    channel.postMessage(message);
  } else {
    const newValue = JSON.stringify({ ...message, timestamp: ++written });
    setItem.call(localStorage, "nextauth.message", newValue);
    window.dispatchEvent(new StorageEvent("storage", { key: "nextauth.message", newValue }));
  }
  await pass(0);
}

/** Listens from now on. The returned function gives what this tab has said so far. */
export function otherTabHears(): () => readonly unknown[] {
  if (channel) {
    const heard: unknown[] = [];
    const listener = ({ data }: MessageEvent): void => void heard.push(data);
    channel.addEventListener("message", listener);
    onTestFinished(() => channel.removeEventListener("message", listener));
    return () => heard;
  }
  const write = vi.spyOn(Storage.prototype, "setItem");
  const before = write.mock.calls.length;
  return () =>
    write.mock.calls
      .slice(before)
      .filter(([key]) => key === "nextauth.message")
      .map(([, value]) => JSON.parse(value) as unknown);
}
