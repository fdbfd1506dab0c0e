/**
 * The code of docs/token-in-the-page.md that lives through many tokens: when it asks again, and what is left at its end.
 */
import { transformSync } from "esbuild";
import { compileFunction } from "node:vm";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

import { readDocument } from "../../scripts/lib/markdown.ts";
import { BrowserTokenError, isBrowserTokenError } from "../../src/client/browser-token-error.ts";
import type { BrowserTokenErrorCode } from "../../src/client/browser-token-error.ts";

class FakeSocket {
  static readonly OPEN = 1;
  static readonly opened: FakeSocket[] = [];
  readyState = 0;
  readonly sent: unknown[] = [];
  onopen: (() => void) | undefined;
  onmessage: ((event: { data: unknown }) => void) | undefined;
  onclose: ((event: { code: number }) => void) | undefined;

  constructor() {
    FakeSocket.opened.push(this);
  }
  open(): void {
    this.readyState = FakeSocket.OPEN;
    this.onopen?.();
  }
  send(message: string): void {
    this.sent.push((JSON.parse(message) as { accessToken: string }).accessToken);
  }
  readonly close = vi.fn((code = 1005) => {
    this.readyState = 3;
    this.onclose?.({ code });
  });
}

type Listener = (token: { accessToken: string }) => void;

/** `nolapse/react` as a page has it: with a token, or a reason why there is none. */
class FakePage {
  token: { accessToken: string } | BrowserTokenErrorCode = { accessToken: "alice-0" };
  calls = 0;
  readonly rejected: unknown[] = [];
  readonly listeners = new Set<Listener>();

  readonly getAccessToken = async (options?: { rejected?: unknown }): Promise<{ accessToken: string }> => {
    this.calls++;
    this.rejected.push(options?.rejected);
    if (typeof this.token === "string") throw new BrowserTokenError(this.token);
    return this.token;
  };
  readonly onTokenChange = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  async renew(accessToken: string): Promise<void> {
    this.token = { accessToken };
    for (const listener of [...this.listeners]) listener(this.token);
    await vi.advanceTimersByTimeAsync(0);
  }
}

/** What the document's file of that title exports, on this page. */
function exportsOf(title: string, { getAccessToken, onTokenChange }: FakePage): unknown {
  const block = readDocument("docs/token-in-the-page.md").blocks.find((one) => one.title === title);
  const { code } = transformSync(block!.code, { loader: "ts", format: "cjs" });
  const module = { exports: {} };
  const names = ["require", "module", "WebSocket", "setTimeout", "clearTimeout"];
  const run = compileFunction(code, names) as (...args: unknown[]) => void;
  const nolapse = { getAccessToken, onTokenChange, isBrowserTokenError };
  run(() => nolapse, module, FakeSocket, setTimeout, clearTimeout);
  return module.exports;
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.opened.length = 0;
});
afterEach(() => void vi.useRealTimers());

describe("callApi of docs/token-in-the-page.md", () => {
  type CallApi = (path: string) => Promise<Response>;

  it.each(["//evil.example/x", "/\\evil.example/x", "https://evil.example/x", "http://api.example.com/x"])(
    "sends the token to the API alone, and not to %s",
    async (path) => {
      const sent = vi.spyOn(globalThis, "fetch").mockImplementation(() => Promise.resolve(new Response()));
      onTestFinished(() => sent.mockRestore());
      const { callApi } = exportsOf("lib/call-api.ts", new FakePage()) as { callApi: CallApi };

      await expect(callApi(path)).rejects.toThrow("No path of the API");
      expect(sent).not.toHaveBeenCalled();
      await callApi("/orders?page=2");
      expect(sent.mock.calls[0]?.[0]).toEqual(new URL("https://api.example.com/orders?page=2"));
    },
  );
});

describe("openLive of docs/token-in-the-page.md", () => {
  async function open(page: FakePage): Promise<() => void> {
    const { openLive } = exportsOf("lib/live.ts", page) as {
      openLive: (url: string, onMessage: () => void) => () => void;
    };
    const end = openLive("wss://api.example.com", () => undefined);
    onTestFinished(end);
    await vi.advanceTimersByTimeAsync(0);
    return end;
  }

  it.each(["not_signed_in", "reauthentication_required", "no_token", "not_exposed", "no_provider"] as const)(
    "asks once where the answer is %s, and connects as soon as there is a token",
    async (code) => {
      const page = new FakePage();
      page.token = code;
      await open(page);
      await vi.advanceTimersByTimeAsync(3_600_000);
      expect(page.calls).toBe(1);

      await page.renew("bob-0");
      FakeSocket.opened[0]!.open();
      expect(FakeSocket.opened[0]!.sent).toEqual(["bob-0"]);
      await page.renew("bob-1");
      expect(FakeSocket.opened[0]!.sent).toEqual(["bob-0", "bob-1"]);
      expect(FakeSocket.opened).toHaveLength(1);
    },
  );

  it.each(["refresh_unavailable", "store_failed"] as const)(
    "tries again where the answer is %s, less and less often, until it connects (I10)",
    async (code) => {
      const page = new FakePage();
      page.token = code;
      await open(page);
      await vi.advanceTimersByTimeAsync(600_000);
      expect(page.calls).toBeGreaterThan(8);
      expect(page.calls).toBeLessThan(30);

      page.token = { accessToken: "alice-1" };
      await vi.advanceTimersByTimeAsync(60_000);
      expect(FakeSocket.opened).toHaveLength(1);
    },
  );

  it("asks less and less often where each socket is opened and closed again, until a message comes (I10)", async () => {
    const page = new FakePage();
    await open(page);
    for (let second = 0; second < 600; second++) {
      const socket = FakeSocket.opened.at(-1)!;
      if (socket.readyState === 0) socket.open();
      else if (socket.readyState === FakeSocket.OPEN) socket.close();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(FakeSocket.opened.length).toBeGreaterThan(8);
    expect(FakeSocket.opened.length).toBeLessThan(30);

    await vi.advanceTimersByTimeAsync(60_000);
    FakeSocket.opened.at(-1)!.open();
    FakeSocket.opened.at(-1)!.onmessage?.({ data: "news" });
    FakeSocket.opened.at(-1)!.close();
    const before = FakeSocket.opened.length;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(FakeSocket.opened).toHaveLength(before + 1);
  });

  it("has a token renewed for which the server closed the socket, and no other", async () => {
    const page = new FakePage();
    await open(page);
    for (const code of [1008, 1006, 1001]) {
      FakeSocket.opened.at(-1)!.open();
      FakeSocket.opened.at(-1)!.close(code);
      await vi.advanceTimersByTimeAsync(60_000);
    }
    expect(page.rejected).toEqual([undefined, "alice-0", undefined, undefined]);
  });

  it("sends the token of now where it is another one by the time the socket is open", async () => {
    const page = new FakePage();
    await open(page);
    await page.renew("alice-1");
    FakeSocket.opened[0]!.open();
    expect(FakeSocket.opened[0]!.sent).toEqual(["alice-1"]);
  });

  it("leaves no listener, timer or socket behind", async () => {
    const page = new FakePage();
    const end = await open(page);
    FakeSocket.opened[0]!.open();
    end();

    expect(page.listeners.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(FakeSocket.opened[0]!.close).toHaveBeenCalledTimes(1);
  });
});

describe("withToken of docs/token-in-the-page.md", () => {
  interface Options {
    readonly connectionParams: () => Promise<{ authorization: string }>;
    readonly on: { readonly opened: (socket: unknown) => void; readonly closed: () => void };
  }

  it("has the socket opened anew for each new token, and listens only while it is open", async () => {
    const page = new FakePage();
    const { withToken } = exportsOf("lib/subscriptions.ts", page) as { withToken: () => Options };
    const { connectionParams, on } = withToken();
    expect(page.listeners.size).toBe(0);

    for (let i = 0; i < 3; i++) {
      const socket = new FakeSocket();
      socket.onclose = () => on.closed();
      socket.open();
      on.opened(socket);
      // The first call for the token is news for who listens, and no other than what the server is sent.
      await page.renew(`alice-${i}`);
      expect(await connectionParams()).toEqual({ authorization: `Bearer alice-${i}` });
      await page.renew(`alice-${i}`);
      expect(socket.close).not.toHaveBeenCalled();
      expect(page.listeners.size).toBe(1);

      await page.renew(`alice-${i + 1}`);
      expect(socket.close).toHaveBeenCalledTimes(1);
      expect(page.listeners.size).toBe(0);
    }
  });
});
