/**
 * A person with a browser profile of their own whose tabs are real: only one is visible, the others are hidden and throttled, and
 * each can be frozen, crashed, closed and left.
 */
import type { Stage } from "./app.ts";
import type { Protocol } from "./devtools-protocol.ts";
import { pause } from "./tabs.ts";
import {
  cookiesOf,
  SESSION_PATH,
  type Account,
  type Person,
  type SessionJson,
  type SessionRequest,
} from "./visitor.ts";

/** One tab. */
export interface RawTab {
  readonly id: string;
  /** Why the browser did not put a page of it into the back/forward cache, in its own words. */
  readonly notCachedBecause: string[];
  /** Answers that the browser has, and the page does not yet. */
  readonly held: string[];
  /** Runs a function, sent as text, in the page. Its result has to be JSON. */
  evaluate<Result, Argument = undefined>(
    run: (argument: Argument) => Result,
    argument?: Argument,
  ): Promise<Awaited<Result>>;
  /** Brings it to the front, which hides the one that was there. */
  show(): Promise<unknown>;
  /** As the browser does to a tab that was hidden for long: nothing of it runs. */
  freeze(): Promise<unknown>;
  thaw(): Promise<unknown>;
  setOffline(offline: boolean): Promise<unknown>;
  /** Answers its session requests with 503, or holds their answers back until it is taken away. */
  setFault(fault: "503" | "held" | undefined): Promise<unknown>;
  goto(path: string): Promise<void>;
  goBack(): Promise<void>;
  close(): Promise<unknown>;
  /** Its renderer dies. */
  crash(): Promise<unknown>;
}

/** A profile with its tabs. */
export interface RawVisitor extends Account<RawTab> {
  readonly person: Person;
  readonly grant: string;
  readonly tabs: readonly RawTab[];
  openTab(path: string): Promise<RawTab>;
}

/** What a new visitor brings along. */
export interface RawVisitorOptions {
  /** Runs in every page before its own scripts. */
  readonly init?: (() => void) | undefined;
  /** Of what goes wrong, what is not to be noted. */
  readonly expects?: (trouble: string) => boolean;
  /** Takes `no-store` from all answers, as it keeps a page out of the back/forward cache. */
  readonly forgetsNoStore?: boolean;
}

const LOAD_LIMIT_MS = 30_000;

/** Signs somebody in, in a new profile with no tab yet. */
export async function newRawVisitor(
  protocol: Protocol,
  stage: Stage,
  person: Person,
  options: RawVisitorOptions = {},
): Promise<RawVisitor> {
  const { browserContextId } = await protocol.send("Target.createBrowserContext", {});
  const { cookies, grant } = await cookiesOf(stage, person);
  await protocol.send("Storage.setCookies", { browserContextId, cookies });
  const tabs: RawTab[] = [];
  const sessionRequests: SessionRequest<RawTab>[] = [];
  const trouble: string[] = [];
  const note = (what: string): void => {
    if (options.expects?.(what) !== true) trouble.push(what);
  };
  return {
    stage,
    person,
    grant,
    tabs,
    sessionRequests,
    trouble,
    async openTab(path) {
      const target = { url: "about:blank", browserContextId };
      const { targetId } = await protocol.send("Target.createTarget", target);
      const tab = await attach(
        protocol,
        String(targetId),
        stage.app.url,
        { sessionRequests, note, forgetsNoStore: options.forgetsNoStore },
        options,
      );
      tabs.push(tab);
      await tab.goto(path);
      return tab;
    },
    async close() {
      await protocol.send("Target.disposeBrowserContext", { browserContextId });
    },
  };
}

interface Notes {
  readonly sessionRequests: SessionRequest<RawTab>[];
  readonly note: (trouble: string) => void;
  readonly forgetsNoStore: boolean | undefined;
}

async function attach(
  protocol: Protocol,
  targetId: string,
  base: string,
  account: Notes,
  { init, forgetsNoStore }: RawVisitorOptions,
): Promise<RawTab> {
  const attached = await protocol.send("Target.attachToTarget", { targetId, flatten: true });
  const session = String(attached["sessionId"]);
  const send = (method: string, params?: Record<string, unknown>): Promise<Record<string, unknown>> =>
    protocol.send(method, params, session);
  const tab = tabOver(protocol, send, targetId, base);
  protocol.listen(session, accountOf(tab, send, account));
  await Promise.all([
    send("Page.enable"),
    send("Runtime.enable"),
    send("Network.enable"),
    send("Inspector.enable"),
  ]);
  if (forgetsNoStore) await send("Fetch.enable", { patterns: [{ requestStage: "Response" }] });
  if (init) await send("Page.addScriptToEvaluateOnNewDocument", { source: `(${init.toString()})()` });
  return tab;
}

type Send = (method: string, params?: Record<string, unknown>) => Promise<Record<string, unknown>>;

function tabOver(protocol: Protocol, send: Send, targetId: string, base: string): RawTab {
  const evaluate: RawTab["evaluate"] = async (run, argument) => {
    const expression = `(${run.toString()})(${argument === undefined ? "" : JSON.stringify(argument)})`;
    const { result, exceptionDetails } = await send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(`In the page: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value?: unknown }).value as never;
  };
  /** Until React has taken the page over. */
  const ready = async (): Promise<void> => {
    const endMs = Date.now() + LOAD_LIMIT_MS;
    for (;;) {
      const isReady = await evaluate(() => {
        const user = document.querySelector('[data-testid="user"]');
        return user !== null && Object.keys(user).some((key) => key.startsWith("__reactProps"));
      }).catch(() => false);
      if (isReady) return;
      if (Date.now() > endMs) throw new Error("The page was not ready in time");
      await pause(50);
    }
  };
  const held: string[] = [];
  return {
    id: targetId,
    notCachedBecause: [],
    held,
    evaluate,
    show: () => protocol.send("Target.activateTarget", { targetId }),
    freeze: () => send("Page.setWebLifecycleState", { state: "frozen" }),
    thaw: () => send("Page.setWebLifecycleState", { state: "active" }),
    setOffline: (offline) =>
      send("Network.emulateNetworkConditions", {
        ...{ offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 },
      }),
    async setFault(fault) {
      const patterns = [
        { urlPattern: `*${SESSION_PATH}`, requestStage: fault === "503" ? "Request" : "Response" },
      ];
      if (fault) return send("Fetch.enable", { patterns });
      await Promise.all(held.splice(0).map((requestId) => send("Fetch.continueResponse", { requestId })));
      return send("Fetch.disable");
    },
    async goto(path) {
      await send("Page.navigate", { url: path.startsWith("/") ? base + path : path });
      if (path.startsWith("/")) await ready();
    },
    async goBack() {
      const { entries, currentIndex } = (await send("Page.getNavigationHistory")) as unknown as {
        readonly entries: readonly { readonly id: number }[];
        readonly currentIndex: number;
      };
      await send("Page.navigateToHistoryEntry", { entryId: entries[currentIndex - 1]?.id });
      await ready();
    },
    close: () => protocol.send("Target.closeTarget", { targetId }),
    // The page that dies does not answer.
    crash: () => Promise.race([send("Page.crash").catch(() => undefined), pause(1_000)]),
  };
}

interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

function accountOf(
  tab: RawTab,
  send: Send,
  { sessionRequests, note, forgetsNoStore }: Notes,
): (method: string, params: Record<string, unknown>) => void {
  const under = new Map<string, SessionRequest<RawTab>>();
  return (method, params) => {
    const id = String(params["requestId"]);
    if (method === "Network.requestWillBeSent") {
      const { url, headers, method: sentBy } = params["request"] as Asked;
      if (new URL(url).pathname !== SESSION_PATH) return;
      const entry: SessionRequest<RawTab> = {
        ...{ tab, method: sentBy, reason: headers["x-nolapse-ask"], atMs: Date.now() },
      };
      under.set(id, entry);
      sessionRequests.push(entry);
    } else if (method === "Network.responseReceived") {
      const { status, url } = params["response"] as { readonly status: number; readonly url: string };
      const entry = under.get(id);
      if (entry) entry.status = status;
      if (status >= 400) note(`${status} ${url}`);
    } else if (method === "Network.loadingFinished") {
      const entry = under.get(id);
      if (entry) void keepAnswer(send, id, entry);
    } else if (method === "Network.loadingFailed") {
      const entry = under.get(id);
      if (entry && params["canceled"] === true) entry.canceled = true;
      if (params["canceled"] !== true) note(`${String(params["errorText"])} ${String(params["type"])}`);
    } else if (method === "Fetch.requestPaused") {
      const { url } = params["request"] as Asked;
      const isAnswer = params["responseStatusCode"] !== undefined;
      if (!isAnswer) void send("Fetch.fulfillRequest", { requestId: id, responseCode: 503 });
      else if (forgetsNoStore)
        void send("Fetch.continueResponse", withoutNoStore(params)).catch(() => undefined);
      else if (new URL(url).pathname === SESSION_PATH) tab.held.push(id);
    } else if (method === "Page.backForwardCacheNotUsed") {
      tab.notCachedBecause.push(JSON.stringify(params["notRestoredExplanations"]));
    } else if (method === "Runtime.exceptionThrown") {
      note(`thrown: ${JSON.stringify(params["exceptionDetails"])}`);
    }
  };
}

function withoutNoStore(params: Record<string, unknown>): Record<string, unknown> {
  const headers = (params["responseHeaders"] ?? []) as readonly { readonly name: string }[];
  return {
    requestId: params["requestId"],
    responseCode: params["responseStatusCode"],
    responseHeaders: headers.filter(({ name }) => name.toLowerCase() !== "cache-control"),
  };
}

async function keepAnswer(send: Send, requestId: string, entry: SessionRequest<RawTab>): Promise<void> {
  const answeredAtMs = Date.now();
  try {
    const { body } = await send("Network.getResponseBody", { requestId });
    entry.session = JSON.parse(String(body)) as SessionJson;
    entry.answeredAtMs = answeredAtMs;
  } catch {
    // No JSON, or the tab is gone.
  }
}
