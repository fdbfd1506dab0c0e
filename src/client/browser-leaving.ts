/**
 * Whether the page is on its way to another one: `signOut()` sends its message, and only then goes on, which may take a while.
 *
 * @module
 */
import type { Environment } from "./environment.ts";

/**
 * After this time a page that is still there was not left: the server answered with a download, or the user stopped it.
 * Nothing says so: `navigatesuccess` and `navigateerror` come as well where a page that is being left replaces its address.
 */
const LEAVING_MS = 10_000;

/** What is read of the Navigation API's `navigate` event (HTML standard, section 7.2.6). */
interface NavigateEvent extends Event {
  readonly destination: { readonly sameDocument: boolean; readonly url: string };
  readonly downloadRequest: string | null;
}

/**
 * Follows it from now on, in browsers that tell (Chromium 102, Safari 26.2, Firefox 147); in others no page is ever left.
 *
 * @param onStay Called when the page turns out not to be left, or comes back from history.
 * @returns Whether it is being left; and the end of it.
 */
export function followLeaving(
  environment: Environment,
  onStay: () => void,
): readonly [isLeft: () => boolean, stop: () => void] {
  // A page may have a variable of its own by that name.
  const { navigation } = globalThis as { readonly navigation?: Partial<EventTarget> };
  const listening = new AbortController();
  let timer: unknown;

  const end = (): void => {
    environment.clearTimer(timer);
    timer = undefined;
  };
  const stay = (): void => {
    if (timer === undefined) return;
    end();
    onStay();
  };
  const leave = (event: Event): void => {
    const { destination, downloadRequest } = event as NavigateEvent;
    if (destination.sameDocument || downloadRequest !== null || !/^https?:/.test(destination.url)) return;
    end();
    timer = environment.setTimer(stay, LEAVING_MS);
  };
  navigation?.addEventListener?.("navigate", leave, listening);
  const stopWaking = environment.onWake((reason) => {
    if (reason === "restored") stay();
  });
  return [
    () => timer !== undefined,
    () => {
      listening.abort();
      stopWaking();
      end();
    },
  ];
}
