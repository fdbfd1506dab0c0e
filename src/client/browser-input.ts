/**
 * What counts as somebody using a page, in the real browser.
 *
 * @module
 */

const INPUTS = ["pointerdown", "keydown", "wheel", "touchstart"];

/**
 * Calls back on `pointerdown`, `keydown`, `wheel`, `touchstart` and when the page becomes visible, until the returned
 * function is called. It slows no scrolling (passive), and no handler of the page can keep it from hearing (capture).
 */
export function onBrowserInput(listener: () => void): () => void {
  const onInput = (): void => listener();
  const onVisibility = (): void => {
    if (document.visibilityState === "visible") listener();
  };
  const how = { capture: true, passive: true };
  for (const name of INPUTS) addEventListener(name, onInput, how);
  document.addEventListener("visibilitychange", onVisibility);
  return () => {
    for (const name of INPUTS) removeEventListener(name, onInput, how);
    document.removeEventListener("visibilitychange", onVisibility);
  };
}
