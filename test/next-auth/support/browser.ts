/**
 * A browser without a screen: a cookie jar in front of NextAuth's handler, in the Pages Router's form or in the App
 * Router's, without a network in between.
 */
import { getServerSession, type AuthOptions, type Session } from "next-auth";
import type { NextRequest as NextRequestType } from "next/server.js";
import { NextRequest, inNextRequest } from "./next-scope.ts";

/** NextAuth's handler, wrapped or not. */
export type Handler = (request: never, second: never) => unknown;

/** The two ways in which an app mounts NextAuth. */
export type RouterForm = "pages" | "app";

/** A response as the browser sees it. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly setCookies: readonly string[];
  readonly text: string;
  readonly json: () => Record<string, unknown>;
}

interface Ask {
  readonly query?: Readonly<Record<string, string>>;
  /** A text is sent as it is; in the Pages Router's form it stands for what Next made of it. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The default name of the session cookie, on http. */
export const SESSION_COOKIE = "next-auth.session-token";

const ORIGIN = "http://localhost:3000";

/** One browser of one person. */
export class Browser {
  readonly jar = new Map<string, string>();
  readonly #handler: Handler;
  readonly #form: RouterForm;
  readonly #always: Readonly<Record<string, string>>;

  /** @param always Headers of every request to the handler. */
  constructor(handler: Handler, form: RouterForm, always: Readonly<Record<string, string>> = {}) {
    this.#handler = handler;
    this.#form = form;
    this.#always = always;
  }

  /** A browser with the same cookies as they are now: an old tab, or a thief. */
  copy(): Browser {
    const copy = new Browser(this.#handler, this.#form, this.#always);
    for (const [name, value] of this.jar) copy.jar.set(name, value);
    return copy;
  }

  get cookieHeader(): string {
    return [...this.jar].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("; ");
  }

  /** A request of this browser for a page of the app. */
  pageRequest(headers: Readonly<Record<string, string>> = {}): NextRequestType {
    return new NextRequest(`${ORIGIN}/page`, { headers: { cookie: this.cookieHeader, ...headers } });
  }

  /** The Pages Router's request for a page or an API route. */
  nodeRequest(headers: Readonly<Record<string, string>> = {}): {
    headers: Record<string, string>;
    cookies: Record<string, string>;
  } {
    return { headers: { cookie: this.cookieHeader, ...headers }, cookies: Object.fromEntries(this.jar) };
  }

  /** Asks for the session as the Pages Router's pages and API routes do, and keeps the cookies that come with it. */
  async sessionOfPage(authOptions: AuthOptions): Promise<Session | null> {
    const response = new PagesResponse();
    const session = await getServerSession(this.nodeRequest() as never, response as never, authOptions);
    for (const line of response.answer().setCookies) this.#keep(line);
    return session;
  }

  /** Runs what a server component of the app does for a request of this browser. */
  inServerComponent<Result>(run: () => Result, headers: Readonly<Record<string, string>> = {}): Result {
    return inNextRequest("server component", this.pageRequest(headers), run);
  }

  async get(action: string, ask: Ask = {}): Promise<Answer> {
    return this.#send("GET", action, ask);
  }

  async post(action: string, ask: Ask = {}): Promise<Answer> {
    return this.#send("POST", action, ask);
  }

  /** Any method. */
  async send(method: string, action: string, ask: Ask = {}): Promise<Answer> {
    return this.#send(method, action, ask);
  }

  /** POST with the CSRF token, as `next-auth/react` does. */
  async submit(
    action: string,
    body: Readonly<Record<string, unknown>> = {},
    query: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const csrfToken = (await this.get("csrf")).json()["csrfToken"];
    return this.post(action, { query, body: { csrfToken, json: "true", ...body } });
  }

  /** Signs in at an OAuth provider whose authorization page answers at once with `user` as the code. */
  async signIn(user: string, provider = "strict"): Promise<Answer> {
    const started = await this.submit(`signin/${provider}`, { callbackUrl: `${ORIGIN}/` });
    const state = new URL(String(started.json()["url"])).searchParams.get("state") ?? "";
    return this.get(`callback/${provider}`, { query: { code: user, state } });
  }

  /** Signs in at a Credentials provider, as `signIn("credentials", { redirect: false })` does. */
  async signInWithPassword(fields: Readonly<Record<string, unknown>>, provider = "backend"): Promise<Answer> {
    return this.submit(`callback/${provider}`, { redirect: "false", callbackUrl: `${ORIGIN}/`, ...fields });
  }

  async session(headers: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
    return (await this.get("session", { headers })).json();
  }

  async signOut(): Promise<Answer> {
    return this.submit("signout", { callbackUrl: `${ORIGIN}/` });
  }

  async #send(method: string, action: string, given: Ask): Promise<Answer> {
    const ask = { ...given, headers: { ...this.#always, ...given.headers } };
    const answer = await (this.#form === "pages"
      ? this.#pages(method, action, ask)
      : this.#app(method, action, ask));
    for (const line of answer.setCookies) this.#keep(line);
    return answer;
  }

  async #pages(method: string, action: string, { query, body, headers }: Ask): Promise<Answer> {
    const request = {
      ...this.nodeRequest({ host: "localhost:3000", ...headers }),
      method,
      body,
      query: { nextauth: action.split("/"), ...query },
    };
    const response = new PagesResponse();
    await this.#handler(request as never, response as never);
    return response.answer();
  }

  async #app(method: string, action: string, { query, body, headers }: Ask): Promise<Answer> {
    const url = `${ORIGIN}/api/auth/${action}?${new URLSearchParams(query).toString()}`;
    const request = new NextRequest(url, {
      method,
      headers: {
        host: "localhost:3000",
        cookie: this.cookieHeader,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const params = Promise.resolve({ nextauth: action.split("/") });
    const response = (await inNextRequest("route handler", request, () =>
      this.#handler(request as never, { params } as never),
    )) as Response;
    const text = await response.text();
    const setCookies = response.headers.getSetCookie();
    return answerOf(response.status, response.headers, setCookies, text);
  }

  #keep(line: string): void {
    const [pair = "", ...attributes] = line.split(";");
    const at = pair.indexOf("=");
    const name = pair.slice(0, at);
    const value = decodeURIComponent(pair.slice(at + 1));
    const dead = attributes.some((attribute) => {
      const [key = "", given = ""] = attribute.trim().split("=");
      if (/^max-age$/i.test(key)) return Number(given) <= 0;
      return /^expires$/i.test(key) && Date.parse(given) <= Date.now();
    });
    if (dead || value === "") this.jar.delete(name);
    else this.jar.set(name, value);
  }
}

/** What NextAuth uses of a Pages Router response. */
export class PagesResponse {
  statusCode = 200;
  readonly #headers = new Map<string, unknown>();
  #text = "";

  status(code: number): this {
    this.statusCode = code;
    return this;
  }

  getHeader(name: string): unknown {
    return this.#headers.get(name.toLowerCase());
  }

  setHeader(name: string, value: unknown): this {
    this.#headers.set(name.toLowerCase(), value);
    return this;
  }

  /** Past `setHeader`, as in Node. */
  appendHeader(name: string, value: unknown): this {
    this.#headers.set(name.toLowerCase(), [...[this.getHeader(name) ?? []].flat(), value].flat());
    return this;
  }

  end(text = ""): this {
    this.#text = text;
    return this;
  }

  json(value: unknown): this {
    this.setHeader("content-type", "application/json; charset=utf-8");
    return this.end(JSON.stringify(value));
  }

  send(body: unknown): this {
    return typeof body === "string" ? this.end(body) : this.json(body ?? {});
  }

  answer(): Answer {
    const setCookies = [this.getHeader("set-cookie") ?? []].flat() as string[];
    const headers = new Headers();
    for (const [name, value] of this.#headers) {
      for (const each of [value].flat()) headers.append(name, String(each));
    }
    return answerOf(this.statusCode, headers, setCookies, this.#text);
  }
}

function answerOf(status: number, headers: Headers, setCookies: readonly string[], text: string): Answer {
  return { status, headers, setCookies, text, json: () => JSON.parse(text) as Record<string, unknown> };
}
