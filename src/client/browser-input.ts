/**
 * What counts as somebody using a page, in the real browser.
 *
 * @module
 */

// Assistive technology may give nothing but a click, dictation nothing but an input.
const INPUTS = ["pointerdown", "keydown", "wheel", "touchstart", "click", "input"];

/**
 * Calls back on `pointerdown`, `keydown`, `wheel`, `touchstart`, `click`, `input` and when the page becomes visible, until the
 * returned function is called. It slows no scrolling (passive), no handler of the page can keep it from hearing (capture), and
 * input that a script makes up does not count (`isTrusted`).
 */
export function onBrowserInput(listener: () => void): () => void {
  const onInput = ({ isTrusted }: Event): void => {
    if (isTrusted) listener();
  };
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
