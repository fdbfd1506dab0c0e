/**
 * A real tab, driven by the DevTools protocol: it can be hidden, frozen, crashed, closed and left, and it keeps account of its
 * session requests.
 */
import type { OnEvent, Protocol } from "./devtools-protocol.ts";
import { pause } from "./tabs.ts";
import { SESSION_PATH, type SessionJson, type SessionRequest } from "./visitor.ts";

/**
 * What becomes of session requests. `503`: that is the answer. `held`: the server answers the next one, and the page hears of
 * it once the fault is taken away; later ones go through. `silent`: no answer ever comes, and the server knows nothing of it.
 */
export type Fault = "503" | "held" | "silent";

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
  /** What becomes of its session requests from now on; see {@link Fault}. */
  setFault(fault: Fault | undefined): Promise<unknown>;
  goto(path: string): Promise<void>;
  goBack(): Promise<void>;
  close(): Promise<unknown>;
  /** Its renderer dies. */
  crash(): Promise<unknown>;
}

/** What tabs are opened with. */
export interface RawTabOptions {
  /** Runs in every page before its own scripts. */
  readonly init?: (() => void) | undefined;
  /** Takes `no-store` from all answers, as it keeps a page out of the back/forward cache. */
  readonly forgetsNoStore?: boolean;
}

/** Where tabs write down what happens to them. */
export interface Notes {
  readonly sessionRequests: SessionRequest<RawTab>[];
  readonly note: (trouble: string) => void;
}

const LOAD_LIMIT_MS = 30_000;

/** Takes a tab over. `base`: the app's address. */
export async function attach(
  protocol: Protocol,
  targetId: string,
  base: string,
  notes: Notes,
  { init, forgetsNoStore = false }: RawTabOptions,
): Promise<RawTab> {
  const attached = await protocol.send("Target.attachToTarget", { targetId, flatten: true });
  const session = String(attached["sessionId"]);
  const send = (method: string, params?: Record<string, unknown>): Promise<Record<string, unknown>> =>
    protocol.send(method, params, session);
  const account: TabAccount = { ...notes, forgetsNoStore, fault: undefined };
  const tab = tabOver(protocol, send, targetId, base, account);
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

interface TabAccount extends Notes {
  readonly forgetsNoStore: boolean;
  fault: Fault | undefined;
}

type Send = (method: string, params?: Record<string, unknown>) => Promise<Record<string, unknown>>;

function tabOver(
  protocol: Protocol,
  send: Send,
  targetId: string,
  base: string,
  account: TabAccount,
): RawTab {
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
  /** The browser tells nothing more of what it had under way. */
  const gone = (): void => {
    for (const entry of account.sessionRequests)
      if (entry.tab === tab && entry.session === undefined) entry.canceled = true;
  };
  const tab: RawTab = {
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
      const before = account.fault;
      account.fault = fault;
      const requestStage = fault === "held" ? "Response" : "Request";
      if (fault)
        return send("Fetch.enable", { patterns: [{ urlPattern: `*${SESSION_PATH}`, requestStage }] });
      const goesOn = held.splice(0).map((requestId) => send("Fetch.continueResponse", { requestId }));
      // The page may have given one up.
      await Promise.allSettled(goesOn);
      // Otherwise what got no answer would have one now.
      return before === "silent" ? undefined : send("Fetch.disable");
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
    close: () => protocol.send("Target.closeTarget", { targetId }).finally(gone),
    // The page that dies does not answer.
    crash: () => Promise.race([send("Page.crash").catch(() => undefined), pause(1_000)]).finally(gone),
  };
  return tab;
}

interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

function accountOf(tab: RawTab, send: Send, account: TabAccount): OnEvent {
  const { sessionRequests, note } = account;
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
      void goOn(tab, send, account, params).catch(() => undefined);
    } else if (method === "Page.backForwardCacheNotUsed") {
      tab.notCachedBecause.push(JSON.stringify(params["notRestoredExplanations"]));
    } else if (method === "Runtime.exceptionThrown") {
      note(`thrown: ${JSON.stringify(params["exceptionDetails"])}`);
    }
  };
}

/** What becomes of a request that the browser has stopped for us, before it is sent or when its answer is there. */
async function goOn(
  tab: RawTab,
  send: Send,
  { fault, forgetsNoStore }: TabAccount,
  params: Record<string, unknown>,
): Promise<unknown> {
  const requestId = String(params["requestId"]);
  const isAnswer = params["responseStatusCode"] !== undefined;
  if (isAnswer && forgetsNoStore) return send("Fetch.continueResponse", withoutNoStore(params));
  if (isAnswer && fault === "held" && tab.held.length === 0) return tab.held.push(requestId);
  if (fault === "silent") return undefined;
  if (fault === "503") return send("Fetch.fulfillRequest", { requestId, responseCode: 503 });
  return send(isAnswer ? "Fetch.continueResponse" : "Fetch.continueRequest", { requestId });
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
