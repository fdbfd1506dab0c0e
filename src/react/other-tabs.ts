/**
 * Tells other tabs that the user changed, or that the sign-in ended or was renewed by hand, with next-auth's own message,
 * which makes each of them ask once. Version 4 sends it through `localStorage`, 5 through a `BroadcastChannel`.
 *
 * Renewals are never announced: next-auth's provider announces every poll, so that N tabs send N² requests. What was
 * announced last is kept in `localStorage`, so that of all tabs that see the same change one speaks. It is a checksum of
 * 32 bits, of no use outside this origin, and no part of a token (SEC-03, SEC-06).
 *
 * @module
 */
import type { Session } from "next-auth";
import { openChannel } from "../client/browser.ts";
import { checksum, personOf, type ClientSession } from "../client/session.ts";
import { nextAuth5 } from "./next-auth-5.ts";

/** One for each app of this origin: what another one's user does is no news to this one. */
const USER_KEY = "nolapse.user ";
const keyOf = (url: string): string => USER_KEY + url;
const KEY_OF_4 = "nextauth.message";
const CHANNEL_OF_5 = "next-auth";
const SIGN_OUT = "signout";
const messageOf = (trigger: "getSession" | typeof SIGN_OUT) => ({ event: "session", data: { trigger } });

/** One for the page: a channel does not hear itself, but it would hear any other of its name in this tab. */
let channelOf5: BroadcastChannel | undefined;

/** What was announced last is over: an app's page says that nobody is signed in, which a browser does not hear of by itself. */
export function forgetUser(url: string): void {
  write(keyOf(url), "");
}

/**
 * Announces who is signed in (`null`: nobody), and whether only a new sign-in helps, if that is news: a tab that shows a
 * prompt would not ask again by itself (F32). Does nothing where storage is not available.
 *
 * @param url Where the session route is, which tells the apps of one origin apart.
 */
export function announceUser(session: Session | null, url: string): void {
  const ended = (session as ClientSession | null)?.tokenState?.status === "reauthentication_required";
  const mark = session ? checksum(personOf(session) + (ended ? " ended" : "")).toString(36) : "";
  if (lastAnnounced(url) !== mark && write(keyOf(url), mark)) announceSession(session ? undefined : SIGN_OUT);
}

/** What was announced last, by whichever tab. */
export const lastAnnounced = (url: string): string => read(keyOf(url));

/** Makes other tabs ask for the session, as next-auth does after `update()`, or after a sign-out. */
export function announceSession(trigger?: typeof SIGN_OUT): void {
  const message = messageOf(trigger ?? "getSession");
  if (nextAuth5) return (channelOf5 ??= openChannel(CHANNEL_OF_5))?.postMessage(message);
  // NextAuth's own are whole seconds: of two within one, other tabs would hear of the first only.
  write(KEY_OF_4, JSON.stringify({ ...message, timestamp: Date.now() / 1_000 }));
}

/** Calls back when another tab of a next-auth 5 app announces something, or `getSession()` in this one. Returns the end of it. */
export function onAnnouncement(listener: () => void): () => void {
  const channel = (channelOf5 ??= openChannel(CHANNEL_OF_5));
  channel?.addEventListener("message", listener);
  return () => channel?.removeEventListener("message", listener);
}

/**
 * From now on follows next-auth's message, of this tab as well.
 *
 * @returns See {@link followSignOut}; and the end of it.
 */
export function lastSignOut(): readonly [last: () => unknown, stop: () => void] {
  if (!nextAuth5) {
    const last = (): unknown => {
      const message = read(KEY_OF_4);
      return message.includes(`"${SIGN_OUT}"`) ? message : undefined;
    };
    return [last, () => undefined];
  }
  let heard: MessageEvent | undefined;
  const hear = (event: MessageEvent<{ data?: { trigger?: unknown } } | null>): void => {
    heard = event.data?.data?.trigger === SIGN_OUT ? event : undefined;
  };
  const channel = (channelOf5 ??= openChannel(CHANNEL_OF_5));
  channel?.addEventListener("message", hear);
  return [() => heard, () => channel?.removeEventListener("message", hear)];
}

/** Whether somebody is signed in to another app of this origin: next-auth's message does not say whose it is. */
export function hasOtherUsers(url: string): boolean {
  try {
    return Object.keys(localStorage).some((key) => key.startsWith(USER_KEY) && key !== keyOf(url));
  } catch {
    return false;
  }
}

/** Empty where there is none, or storage is forbidden. */
function read(key: string): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** Whether it could: storage may be full or forbidden, and then other tabs learn of it when they ask next. Empty: removes it. */
function write(key: string, value: string): boolean {
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
    return true;
  } catch {
    return false;
  }
}

/** Makes next-auth's own provider in this tab fetch the session, and no other tab. */
export function makeNextAuthAsk(): void {
  if (nextAuth5) void nextAuth5._getSession({ event: "storage" });
  else
    dispatchEvent(
      new StorageEvent("storage", { key: KEY_OF_4, newValue: JSON.stringify(messageOf("getSession")) }),
    );
}
