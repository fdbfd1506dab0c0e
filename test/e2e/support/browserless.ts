/**
 * A browser without a browser: an HTTP client with a cookie jar that follows redirects and submits forms. One
 * instance is one person's browser.
 */
import { CookieJar } from "tough-cookie";

import { htmlForms, type HtmlForm } from "./html-forms.ts";
import type { Login } from "./servers.ts";

/** What came back at the end of the redirects. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** Every address on the way, the first and the last included. */
  readonly visited: readonly string[];
}

/** How to ask. */
export interface VisitOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  /** Whether to follow redirects; or up to where: the first address that begins so is not asked for. Default true. */
  readonly follow?: boolean | { readonly until: string };
  readonly signal?: AbortSignal;
}

/** One person's browser. */
export interface Browserless {
  readonly jar: CookieJar;
  visit(url: string, options?: VisitOptions): Promise<Page>;
  /** Submits a form of the page with these fields typed in. Default: the first form that has all of them. */
  submit(page: Page, typed: Readonly<Record<string, string>>, options?: VisitOptions): Promise<Page>;
  /** The value of a cookie that would be sent to this address. */
  cookie(url: string, name: string): Promise<string | undefined>;
}

const MAX_REDIRECTS = 20;
const REQUEST_LIMIT_MS = 30_000;

/** A new browser, with no cookies but those of `jar`. */
export function browserless(
  options: { readonly headers?: Readonly<Record<string, string>>; readonly jar?: CookieJar } = {},
): Browserless {
  const jar = options.jar ?? new CookieJar();

  const ask = async (url: string, init: VisitOptions): Promise<Response> => {
    const cookies = await jar.getCookieString(url);
    const headers = { accept: "text/html,*/*;q=0.8", ...options.headers, ...init.headers };
    const limit = AbortSignal.timeout(REQUEST_LIMIT_MS);
    const response = await fetch(url, {
      method: init.method ?? "GET",
      headers: cookies === "" ? headers : { ...headers, cookie: cookies },
      redirect: "manual",
      signal: init.signal ? AbortSignal.any([init.signal, limit]) : limit,
      ...(init.body === undefined ? {} : { body: init.body }),
    });
    for (const cookie of response.headers.getSetCookie())
      await jar.setCookie(cookie, url, { ignoreError: true });
    return response;
  };

  const visit = async (url: string, init: VisitOptions = {}): Promise<Page> => {
    const visited = [url];
    let current = init;
    for (let count = 0; count <= MAX_REDIRECTS; count += 1) {
      const at = visited.at(-1) ?? url;
      const response = await ask(at, current);
      const location = response.headers.get("location");
      const body = await response.text();
      const page = { url: at, status: response.status, headers: response.headers, body, visited };
      if (location === null || response.status < 300 || response.status > 399 || init.follow === false)
        return page;
      const next = new URL(location, at).href;
      visited.push(next);
      if (typeof init.follow === "object" && next.startsWith(init.follow.until))
        return { ...page, url: next };
      // As browsers do: after these a POST becomes a GET without a body.
      if (response.status <= 303) {
        const { body: _body, ...rest } = current;
        current = { ...rest, method: "GET" };
      }
    }
    throw new Error(`More than ${MAX_REDIRECTS} redirects: ${visited.slice(-4).join(" → ")}`);
  };

  return {
    jar,
    visit,
    submit: (page, typed, init = {}) => {
      const form = chooseForm(page, Object.keys(typed));
      const fields = new URLSearchParams({ ...form.fields, ...typed });
      const target = new URL(form.action, page.url);
      if (form.method === "post") return visit(target.href, { ...init, method: "POST", body: fields });
      target.search = fields.toString();
      return visit(target.href, init);
    },
    cookie: async (url, name) => (await jar.getCookies(url)).find(({ key }) => key === name)?.value,
  };
}

/** Types name and password into the authorization server's login page and submits it. */
export async function submitLogin(
  browser: Browserless,
  page: Page,
  login: Login,
  options?: VisitOptions,
): Promise<Page> {
  return browser.submit(page, { username: login.username, password: login.password }, options);
}

/**
 * Signs in at a NextAuth app by way of the authorization server, as a click on its button does, and returns the page
 * that the user ends up on. `callbackUrl`: where to go afterwards.
 */
export async function signInWithProvider(
  browser: Browserless,
  app: {
    readonly url: string;
    readonly providerId: string;
    readonly callbackUrl?: string;
    readonly authPath?: string;
  },
  login: Login,
): Promise<Page> {
  const page = await postToNextAuth(browser, app, `signin/${app.providerId}`, {});
  const needsLogin = htmlForms(page.body).some((form) => form.typable.includes("password"));
  return needsLogin ? submitLogin(browser, page, login) : page;
}

/** Signs in at a NextAuth app with its Credentials provider, and returns the page that the user ends up on. */
export async function signInWithCredentials(
  browser: Browserless,
  app: {
    readonly url: string;
    readonly providerId: string;
    readonly callbackUrl?: string;
    readonly authPath?: string;
  },
  login: Login,
): Promise<Page> {
  return postToNextAuth(browser, app, `callback/${app.providerId}`, { ...login });
}

/** Signs out of a NextAuth app, as its own page does. */
export async function signOut(
  browser: Browserless,
  app: { readonly url: string; readonly callbackUrl?: string; readonly authPath?: string },
): Promise<Page> {
  return postToNextAuth(browser, app, "signout", {});
}

async function postToNextAuth(
  browser: Browserless,
  app: { readonly url: string; readonly callbackUrl?: string; readonly authPath?: string },
  action: string,
  fields: Readonly<Record<string, string>>,
): Promise<Page> {
  const base = `${app.url}${app.authPath ?? "/api/auth"}`;
  const csrf = JSON.parse((await browser.visit(`${base}/csrf`)).body) as { csrfToken: string };
  const body = new URLSearchParams({
    csrfToken: csrf.csrfToken,
    callbackUrl: app.callbackUrl ?? app.url,
    ...fields,
  });
  return browser.visit(`${base}/${action}`, { method: "POST", body });
}

function chooseForm(page: Page, names: readonly string[]): HtmlForm {
  const forms = htmlForms(page.body);
  const found = forms.find((form) => names.every((name) => form.typable.includes(name)));
  if (found) return found;
  throw new Error(
    `No form of ${new URL(page.url).pathname} (${page.status}) has the fields ${names.join(", ")}`,
  );
}
