/**
 * The authorization server's pages: login, logout and errors. Plain HTML without scripts, light and dark, readable
 * on a phone.
 *
 * @module
 */
import { createHash } from "node:crypto";

import { DEMO_LOGINS } from "./accounts.ts";
import { TEXTS, type Language, type Texts } from "./texts.ts";

/** A page, and the headers that belong to it. */
export interface Page {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

const STYLE = `
:root { color-scheme: light dark; --page: #f5f5f8; --card: #fff; --text: #1b1b22; --soft: #62626f; --line: #dcdce4;
  --accent: #4650dd; --accent-text: #fff; --wrong: #b3261e; --wrong-back: #fdeceb; }
@media (prefers-color-scheme: dark) { :root { --page: #101014; --card: #1a1a21; --text: #ededf2; --soft: #a2a2b0;
  --line: #34343f; --accent: #8f97ff; --accent-text: #101014; --wrong: #ffb4ab; --wrong-back: #3b1d1b; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; padding: 1.25rem; background: var(--page);
  color: var(--text); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Apple SD Gothic Neo", "Noto Sans KR",
  "Malgun Gothic", sans-serif; word-break: keep-all; overflow-wrap: anywhere; }
main { width: 100%; max-width: 25rem; background: var(--card); border: 1px solid var(--line); border-radius: 16px;
  padding: clamp(1.5rem, 6vw, 2.25rem); box-shadow: 0 8px 32px rgb(0 0 0 / 8%); }
.server { display: flex; align-items: center; gap: .5rem; color: var(--soft); font-size: .8125rem; margin: 0 0 1.25rem; }
.server::before { content: ""; width: .625rem; height: .625rem; border-radius: 50%; background: var(--accent); }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; letter-spacing: -.01em; }
.lead { color: var(--soft); margin: .375rem 0 1.5rem; }
label { display: block; font-size: .875rem; font-weight: 600; margin: 0 0 .375rem; }
input { width: 100%; font: inherit; color: inherit; background: transparent; border: 1px solid var(--line);
  border-radius: 10px; padding: .625rem .75rem; margin: 0 0 1rem; min-height: 2.75rem; }
button, .quiet { font: inherit; font-weight: 600; border-radius: 10px; min-height: 2.75rem; cursor: pointer; }
button { width: 100%; border: 0; background: var(--accent); color: var(--accent-text); padding: .625rem 1rem; }
button:hover { filter: brightness(1.08); }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.quiet { background: transparent; color: var(--text); border: 1px solid var(--line); }
.wrong { background: var(--wrong-back); color: var(--wrong); border-radius: 10px; padding: .625rem .75rem; margin: 0 0 1rem;
  font-size: .9375rem; }
section { border-top: 1px solid var(--line); margin-top: 1.75rem; padding-top: 1.25rem; }
h2 { font-size: .875rem; margin: 0 0 .625rem; }
.demo { display: flex; gap: .5rem; }
.demo form { flex: 1; }
.demo button { line-height: 1.3; padding: .5rem; }
.demo small { display: block; font-weight: 400; color: var(--soft); font-family: ui-monospace, monospace; font-size: .75rem; }
.note, summary, pre { color: var(--soft); font-size: .8125rem; }
.note { margin: .75rem 0 0; }
pre { white-space: pre-wrap; margin: .5rem 0 0; }
form + .cancel { margin-top: .75rem; }
.choices { display: grid; gap: .625rem; }
`;

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/** The login form. `failed`: name and password did not fit. `origin`: where the browser goes when it is done. */
export function loginPage(
  language: Language,
  options: {
    readonly action: string;
    readonly username: string;
    readonly failed: boolean;
    readonly origin: string;
  },
): Page {
  const t = TEXTS[language];
  const action = escapeHtml(options.action);
  const alert = options.failed ? `<p class="wrong" role="alert">${t.wrong}</p>` : "";
  const body = `
    <h1>${t.signIn}</h1><p class="lead">${t.continueTo}</p>${alert}
    <form method="post" action="${action}" id="login">
      <label for="username">${t.username}</label>
      <input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64"
        required value="${escapeHtml(options.username)}"${options.username === "" ? " autofocus" : ""}>
      <label for="password">${t.password}</label>
      <input id="password" name="password" type="password" autocomplete="current-password" maxlength="256" required${
        options.username === "" ? "" : " autofocus"
      }>
      <button type="submit">${t.signIn}</button>
    </form>
    <form method="post" action="${action}" class="cancel"><button class="quiet" name="cancel" value="yes">${t.cancel}</button></form>
    <section><h2>${t.demoLogins}</h2><div class="demo">${DEMO_LOGINS.map((login) => demoLogin(login, action)).join("")}</div>
      <p class="note">${t.demoNote}</p></section>`;
  return page(language, t.signIn, body, options.origin);
}

function demoLogin(login: { readonly username: string; readonly password: string }, action: string): string {
  return `<form method="post" action="${action}"><input type="hidden" name="username" value="${login.username}">
    <input type="hidden" name="password" value="${login.password}">
    <button class="quiet">${login.username}<small>${login.password}</small></button></form>`;
}

/** An error, with what `oidc-provider` says about it behind "details". `expired`: the sign-in is no longer open. */
export function errorPage(
  language: Language,
  problem: { readonly expired: boolean; readonly details: Readonly<Record<string, unknown>> },
): Page {
  const t = TEXTS[language];
  const title = problem.expired ? t.expiredTitle : t.errorTitle;
  const lines = Object.entries(problem.details).map(([key, value]) => escapeHtml(`${key}: ${String(value)}`));
  const body = `<h1>${title}</h1><p class="lead">${problem.expired ? t.expiredHint : t.errorHint}</p>
    <details><summary>${t.details}</summary><pre>${lines.join("\n")}</pre></details>`;
  return page(language, title, body);
}

/** Asks whether to sign out; `form` is the provider's own form, whose id is `op.logoutForm`. */
export function logoutPage(language: Language, form: string, origin: string | undefined): Page {
  const t: Texts = TEXTS[language];
  const body = `<h1>${t.signOutTitle}</h1><p class="lead"></p>${form}<div class="choices">
    <button type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>${t.signOut}</button>
    <button type="submit" form="op.logoutForm" class="quiet">${t.stay}</button></div>`;
  return page(language, t.signOutTitle, body, origin);
}

/** Shown after a sign-out that names no page to return to. */
export function signedOutPage(language: Language): Page {
  const t = TEXTS[language];
  return page(
    language,
    t.signedOutTitle,
    `<h1>${t.signedOutTitle}</h1><p class="lead">${t.signedOutHint}</p>`,
  );
}

/** For text and for attribute values in double quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page(language: Language, title: string, body: string, formTarget?: string): Page {
  const html = `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><link rel="icon" href="data:,"><title>${title} · ${TEXTS[language].serverName}</title>
<style>${STYLE}</style></head><body><main><p class="server">${TEXTS[language].serverName}</p>${body}</main></body></html>`;
  // Chromium applies form-action to the redirects after a submit too, so the application's origin has to be named.
  const formAction = ["'self'", ...(formTarget === undefined ? [] : [formTarget])].join(" ");
  return {
    html,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src data:; form-action ${formAction}; base-uri 'none'; frame-ancestors 'none'`,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    },
  };
}
