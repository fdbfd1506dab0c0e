/**
 * One shape for every place in which a session cookie can be read: App Router (through `next/headers`), a `Request`
 * (route handlers, proxy), and the Pages Router's `req` or `ctx`.
 *
 * @module
 */
import { readAsAppRouter, readAsPagesRouter } from "./cookie-header.ts";

/** Cookies and headers of the request that is being answered. */
export interface RequestSource {
  /** As Next reads them. Which of them is the session's, the version of NextAuth tells: `AuthHost.cookiesOf`. */
  readonly cookies: ReadonlyMap<string, string>;
  /** By lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** Its URL, where NextAuth takes its own from there. */
  readonly url?: string;
}

/** The Pages Router's request: Node's, with parsed cookies. */
export interface NodeRequestLike {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly cookies?: Readonly<Record<string, string | undefined>> | undefined;
}

/** The context of `getServerSideProps`, and of `getInitialProps` on the server. */
export interface PageContextLike {
  readonly req: NodeRequestLike;
}

/** A Pages Router response, as far as nolapse touches it: a Node response. */
export interface NodeResponseLike {
  statusCode: number;
  setHeader(name: string, value: number | string | readonly string[]): unknown;
  getHeader?(name: string): unknown;
  readonly headersSent?: boolean;
  json?(body: unknown): unknown;
  end(body: string): unknown;
}

/** Whether a handler's second argument is a Pages Router response. */
export function isNodeResponse(value: unknown): value is NodeResponseLike {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { setHeader?: unknown }).setHeader === "function"
  );
}

/** An answer to which a cookie can be added: a Node response, or one of the web. */
export type AnswerLike = NodeResponseLike | Response;

/**
 * Adds a Set-Cookie line to an answer; one that sets the same cookie it replaces.
 *
 * @throws What the answer throws where it has begun, or takes no header.
 */
export function addSetCookie(answer: AnswerLike, line: string): void {
  const isSame = (each: string): boolean => each.startsWith(line.slice(0, line.indexOf("=") + 1));
  if (!isNodeResponse(answer)) {
    const others = answer.headers.getSetCookie().filter((each) => !isSame(each));
    answer.headers.delete("set-cookie");
    for (const each of [...others, line]) answer.headers.append("set-cookie", each);
    return;
  }
  const before = [answer.getHeader?.("Set-Cookie") ?? []].flat().map(String);
  answer.setHeader("Set-Cookie", [...before.filter((each) => !isSame(each)), line]);
}

/** Tells the headers of an answer of the web to a Node response, beside the cookies that it sets already. */
export function tellHeaders({ headers }: Response, response: NodeResponseLike): void {
  headers.forEach((value, name) => {
    if (name === "set-cookie") addSetCookie(response, value);
    else response.setHeader(name, value);
  });
}

/** Anything that {@link requestSourceOf} can read. */
export type RequestLike = Request | NodeRequestLike | PageContextLike;

/** Whether an argument is a request rather than options. */
export function isRequestLike(value: unknown): value is RequestLike {
  if (typeof value !== "object" || value === null) return false;
  return "headers" in value || "req" in value;
}

/** Reads a request that was handed in. */
export function requestSourceOf(request: RequestLike): RequestSource {
  if ("req" in request) return requestSourceOf(request.req);
  const { headers } = request;
  if (isWebHeaders(headers)) {
    return {
      cookies: readAsAppRouter(headers.get("cookie") ?? ""),
      header: (name) => headers.get(name) ?? undefined,
    };
  }
  const header = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === "string" ? value : value?.[0];
  };
  const { cookies } = request as NodeRequestLike;
  return {
    cookies: cookies
      ? new Map(Object.entries(cookies).filter((entry): entry is [string, string] => entry[1] !== undefined))
      : readAsPagesRouter(header("cookie") ?? ""),
    header,
  };
}

/** Whether the browser only prefetches: then nothing is refreshed (F13, SEC-26). */
export function isPrefetch({ header }: RequestSource): boolean {
  const purpose = `${header("purpose") ?? ""} ${header("sec-purpose") ?? ""}`;
  return header("next-router-prefetch") !== undefined || /\bprefetch\b/i.test(purpose);
}

function isWebHeaders(headers: unknown): headers is Headers {
  return typeof (headers as { get?: unknown }).get === "function";
}
