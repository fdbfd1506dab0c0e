/**
 * The access token in the browser, for apps that opted in (`exposeAccessToken`): from memory while it is fresh, else by one
 * request for all who wait.
 *
 * ```
 * get ── fresh in memory, and none newer named? ── asked in vain a moment ago? ── one under way? ── ask
 *                     │                                       │                         │
 *                 serves it                     serves what is left of it         waits for it
 * ```
 *
 * @module
 */
import { BrowserTokenError } from "./browser-token-error.ts";
import { elapsedMs, type Environment } from "./environment.ts";
import type { FetchToken, TokenAnswer } from "./fetch-token.ts";
import { covers, type BrowserToken, type TokenAsk } from "./held-token.ts";
import type { ClientSession } from "./session.ts";
import { MAX_TIMER_MS } from "./plan.ts";
import { createTokenMemory, type SentAsk, type TokenEnd, type TokenSnapshot } from "./token-memory.ts";

/** What a token source works with. */
export interface TokenSourceOptions {
  readonly environment: Environment;
  readonly fetchToken: FetchToken;
  /** What is known of the session: the last answer's, `null` for signed out, `undefined` for nothing yet. */
  readonly session: () => ClientSession | null | undefined;
  /** Which tokens the server has named beside the session's, by their ends in its epoch seconds: {@link Marker.named}. */
  readonly named: () => readonly number[];
  /**
   * Asks for the session, because a token came that the session here does not name: the tab may not have heard of another
   * user's sign-in. Resolves to whether that was answered, and {@link TokenSourceOptions.session} is what it said. May reject,
   * which means no. @defaultValue such a token is taken for the user's
   */
  readonly confirm?: (signal: AbortSignal) => Promise<boolean>;
  /** How long a request may take, with that for the session, in milliseconds. @defaultValue 15_000 */
  readonly requestTimeoutMs?: number;
  /** Whether nobody uses the page: then nothing is asked unless somebody calls {@link TokenSource.get} (F29). @defaultValue never */
  readonly isIdle?: () => boolean;
  /** Hears of a listener that threw. @defaultValue nobody does */
  readonly onListenerError?: (error: unknown) => void;
}

/** What one call for the token needs. */
export interface BrowserTokenOptions {
  /** How long the token has to live, in milliseconds, such as for an upload. @defaultValue 0: as long as one call takes */
  readonly minValidityMs?: number;
  /** Whether to have the token renewed although it is fresh: after a role or scope changed. @defaultValue false */
  readonly renew?: boolean;
  /**
   * A token that an API has refused with 401. It is renewed, unless the token is another one meanwhile: once, however many
   * callers bring it.
   */
  readonly rejected?: string | undefined;
  /** Stops waiting, and rejects with its reason. The request goes on, because others share it. */
  readonly signal?: AbortSignal | undefined;
}

/** The signed-in user's access token. */
export interface TokenSource {
  /**
   * The access token, with at least `minValidityMs` of life. From memory while it has that, and 10 s (or a quarter of a
   * shorter life), by both clocks, and neither the session nor the marker names another. Else it is asked for, once for all
   * who wait. Where that fails, the token in hand serves while it lives for `minValidityMs`, unless a renewal was asked for.
   *
   * Rejects with a {@link BrowserTokenError}. After a failure the server is left alone for 1 s, doubled each time up to
   * 60 s, or until `online` or the next answer about the session. A call takes `requestTimeoutMs` at most, and as long again
   * for each of at most two requests of others that it waits for.
   */
  get(options?: BrowserTokenOptions): Promise<BrowserToken>;
  /**
   * Calls back once with each new token, which is fetched while anybody listens: at once where none in hand is fresh, then as
   * soon as the session or the marker names the next, and where neither does, in the last 2.5 to 7.5 s of the one in hand (of
   * a life below 40 s: the last 6 to 19 % of it) (F38).
   */
  onTokenChange(listener: (token: BrowserToken) => void): () => void;
  /** As {@link TokenSource.onTokenChange}, whenever {@link TokenSource.snapshot} was replaced. */
  subscribe(listener: () => void): () => void;
  /** What a reader can see. */
  snapshot(): TokenSnapshot;
  /** To be called when the session was heard of. `isAnswer`: it is not only a failure. */
  heard(isAnswer: boolean): void;
  /** To be called when the marker may have changed. */
  look(): void;
  /** Forgets the token, and whatever is under way. */
  clear(): void;
  /** Forgets all, and asks nothing more. Who waits, or asks from now on, hears `refresh_unavailable`: it is no sign-out. */
  stop(): void;
}

interface Flight {
  readonly sent: SentAsk;
  readonly abort: AbortController;
  /** Never rejects. */
  readonly end: Promise<TokenEnd>;
  readonly finish: (answer: TokenAnswer) => void;
}

const DEFAULT_TIMEOUT_MS = 15_000;
/** For how many requests of others a caller waits before it sends one. */
const MOST_WAITS = 2;
/** A timer may fire a little early. */
const LEAST_TIMER_MS = 20;
/** The time between two requests because the token in hand ends, in milliseconds, however short the tokens are. */
const LEAST_GAP_MS = 1_000;
const UNAVAILABLE: TokenAnswer = { kind: "failed", code: "refresh_unavailable" };

/** Makes a token source. It hears of wake-ups from now on, until {@link TokenSource.stop}. */
export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const { environment, fetchToken, session, named, requestTimeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const tokenListeners = new Set<(token: BrowserToken) => void>();
  const listeners = new Set<() => void>();
  let flight: Flight | undefined;
  let hurryTimer: unknown;
  /** The token in whose place another was asked for before its end. */
  let replaced: BrowserToken | undefined;
  let isStopped = false;

  const memory = createTokenMemory({
    environment,
    session,
    named,
    onEraEnd() {
      flight?.finish(UNAVAILABLE);
    },
    onChange(token) {
      for (const listener of [...listeners]) call(listener);
      if (token) for (const listener of [...tokenListeners]) call(() => listener(token));
    },
  });

  function call(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      options.onListenerError?.(error);
    }
  }

  function send(ask: TokenAsk): Flight {
    const sent = memory.send(ask);
    const abort = new AbortController();
    let settle!: (end: TokenEnd) => void;
    const end = new Promise<TokenEnd>((resolve) => (settle = resolve));
    let isOver = false;
    const finish = (answer: TokenAnswer): void => {
      if (isOver) return;
      isOver = true;
      environment.clearTimer(timer);
      if (flight === mine) flight = undefined;
      abort.abort();
      settle(memory.land(sent, answer));
      hurryLater();
    };
    const timer = environment.setTimer(() => finish(UNAVAILABLE), requestTimeoutMs);
    const mine: Flight = (flight = { sent, abort, end, finish });
    const { minValidityMs, renew } = ask;
    void new Promise<TokenAnswer>((resolve) => resolve(fetchToken({ minValidityMs, renew }, abort.signal)))
      .then((answer) => sure(answer, abort.signal))
      .catch(() => UNAVAILABLE)
      .then(finish);
    return mine;
  }

  /** The answer, once the session has told whose it is. A cookie decides about that, which another tab may have changed (I13). */
  async function sure(answer: TokenAnswer, signal: AbortSignal): Promise<TokenAnswer> {
    if (signal.aborted || !options.confirm || !memory.isDoubtful(answer)) return answer;
    return (await options.confirm(signal)) ? answer : UNAVAILABLE;
  }

  /** The request under way. One whose timer should have fired is over. */
  function underWay(): Flight | undefined {
    if (flight && elapsedMs(flight.sent.at, environment.read()) > requestTimeoutMs)
      flight.finish(UNAVAILABLE);
    return flight;
  }

  async function get(wanted: BrowserTokenOptions = {}): Promise<BrowserToken> {
    const { minValidityMs = 0, renew = false, rejected, signal } = wanted;
    if (!(minValidityMs >= 0 && minValidityMs < Infinity))
      throw new BrowserTokenError(
        "invalid_option",
        `"minValidityMs" must be 0 or more; got ${minValidityMs}`,
      );
    signal?.throwIfAborted();
    const era = memory.follow();
    for (let waits = 0; ; waits++) {
      // No sign-out: an app that had the user sign in again would be wrong.
      if (isStopped) throw new BrowserTokenError("refresh_unavailable", "stopped");
      if (memory.follow() !== era) throw memory.whyEnded();
      const gone = memory.gone();
      if (gone) throw gone;
      const ask = memory.askOf(minValidityMs, renew, rejected);
      const token = memory.fresh(ask);
      if (token) return token;
      const failed = memory.failed(ask);
      if (failed) return orSpare(ask, failed);

      const other = underWay();
      const isOther = other && waits < MOST_WAITS && (waits === 0 || isAnswerTo(other.sent.ask, ask));
      const { sent, end: ending } = isOther ? other : send(ask);
      const end = await untilAborted(ending, signal);
      if (end.kind === "failed" && covers(ask, end.ask)) return orSpare(ask, end.error);
      if (end.kind !== "token" || !isAnswerTo(sent.ask, ask) || memory.follow() !== era) continue;
      // The server still had the rejected one: next time it is asked for another.
      if (end.token.accessToken !== rejected || ask.renew) return end.token;
    }
  }

  function orSpare(ask: TokenAsk, error: BrowserTokenError): BrowserToken {
    const token = memory.spare(ask);
    if (token) return token;
    throw error;
  }

  /** Has the newest token in hand while anybody listens. */
  function hurry(): void {
    environment.clearTimer(hurryTimer);
    if (isStopped || !isHeard() || !session() || memory.gone() || options.isIdle?.()) return;
    void get().then(hurryLater, hurryLater);
  }

  /** Looks again when a failure may have passed, and when the token in hand is about to end. */
  function hurryLater(): void {
    environment.clearTimer(hurryTimer);
    if (isStopped || !isHeard()) return;
    const { token } = memory.snapshot();
    const retryInMs = memory.retryInMs();
    const inMs = retryInMs ?? memory.replaceInMs(token === replaced);
    if (inMs === undefined) return;
    const look = (): void => {
      if (retryInMs === undefined && inMs <= MAX_TIMER_MS) replaced = token;
      hurry();
    };
    const leastMs = retryInMs === undefined ? LEAST_GAP_MS : LEAST_TIMER_MS;
    hurryTimer = environment.setTimer(look, Math.min(Math.max(inMs, leastMs), MAX_TIMER_MS));
  }

  function isHeard(): boolean {
    return listeners.size + tokenListeners.size > 0;
  }

  function listen<L>(to: Set<L>, listener: L): () => void {
    to.add(listener);
    // Later: who listens may ask in this turn, for a token that lives longer, and one request does for both.
    void Promise.resolve().then(hurry);
    return () => {
      to.delete(listener);
      if (!isHeard()) environment.clearTimer(hurryTimer);
    };
  }

  const stopEvents = environment.onWake((reason) => {
    if (reason === "online") memory.forgive();
    hurry();
  });

  return {
    get,
    onTokenChange: (listener) => listen(tokenListeners, (token) => listener(token)),
    subscribe: (listener) => listen(listeners, () => listener()),
    snapshot: memory.snapshot,
    heard(isAnswer) {
      memory.follow();
      if (isAnswer) memory.forgive();
      hurry();
    },
    look: hurry,
    clear: memory.clear,
    stop() {
      isStopped = true;
      stopEvents();
      memory.clear();
      environment.clearTimer(hurryTimer);
    },
  };
}

/** Whether an answer to `one` is as good as one to `other`: also as new. */
function isAnswerTo(one: TokenAsk, other: TokenAsk): boolean {
  return covers(one, other) && other.named.every((name) => one.named.includes(name));
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    void promise.then(resolve).finally(() => signal.removeEventListener("abort", stop));
  });
}
