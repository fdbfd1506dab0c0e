/**
 * What a token source remembers: the token in hand, whose it is, which newer ones were named, and the last failure.
 *
 * What belongs to one sign-in never outlives it: a sign-out or another user ends an era, and an answer to a request of an
 * era that has ended is dropped (I13). The token is in this closure and in the hands of who asked, and nowhere else.
 *
 * @module
 */
import { BrowserTokenError, type BrowserTokenErrorCode } from "./browser-token-error.ts";
import { elapsedMs, type Environment, type Reading } from "./environment.ts";
import type { TokenAnswer, TokenRequest } from "./fetch-token.ts";
import {
  covers,
  isFresh,
  isUsable,
  leftMs,
  replaceInMs,
  type BrowserToken,
  type HeldToken,
  type TokenAsk,
} from "./held-token.ts";
import { backOffMs } from "./plan.ts";
import { personOf, type ClientSession } from "./session.ts";

/** What a memory works with. */
export interface TokenMemoryOptions {
  readonly environment: Environment;
  readonly session: () => ClientSession | null | undefined;
  readonly named: () => readonly number[];
  /** Hears that an era has ended. */
  readonly onEraEnd: () => void;
  /** Hears that {@link TokenMemory.snapshot} was replaced, and by which new token. */
  readonly onChange: (token: BrowserToken | undefined) => void;
}

/** What a reader can see: a token, or why there is none, or nothing yet. Replaced when that changes. */
export interface TokenSnapshot {
  readonly token?: BrowserToken;
  readonly error?: BrowserTokenError;
}

/** A request on its way. */
export interface SentAsk {
  readonly ask: TokenAsk;
  readonly at: Reading;
  readonly era: number;
  readonly owner: string | null | undefined;
  /** Later ones have larger numbers: an older answer does not replace a newer one. */
  readonly number: number;
}

/** How a request ended. `dropped`: its answer is not for this user, or not for sure. */
export type TokenEnd =
  | { readonly kind: "token"; readonly token: BrowserToken }
  /** What asks for as much as `ask` would fail as well. */
  | { readonly kind: "failed"; readonly error: BrowserTokenError; readonly ask: TokenRequest }
  | { readonly kind: "dropped" };

/** See the head of this file. */
export interface TokenMemory {
  /** Notices that another user is signed in, or nobody. Returns the number of the era. */
  follow(): number;
  /** What is asked for now: with a renewal, where the `rejected` token is the one in hand. */
  askOf(minValidityMs: number, renew: boolean, rejected: string | undefined): TokenAsk;
  /** The token in hand, if it is fresh and no other was named. */
  fresh(ask: TokenAsk): BrowserToken | undefined;
  /** The token in hand, if it does where no other can be had. */
  spare(ask: TokenRequest): BrowserToken | undefined;
  /** The last failure, where it answers this as well: not long ago, and asked for no more than this does. */
  failed(ask: TokenRequest): BrowserTokenError | undefined;
  /** In how many milliseconds to ask again after a failure that may pass by itself. `undefined`: none, or it is time. */
  retryInMs(): number | undefined;
  /**
   * In how many milliseconds another token is asked for in place of the one in hand: before its end, and where that was in
   * vain (`again`) at its end. `undefined`: there is none, its end is not known, or both are over.
   */
  replaceInMs(again: boolean): number | undefined;
  /** Forgets the failure. */
  forgive(): void;
  /** Notes that a request is sent. */
  send(ask: TokenAsk): SentAsk;
  /** Whether only the session route can tell whose token this is: the session here does not name it, and it is not in hand. */
  isDoubtful(answer: TokenAnswer): boolean;
  /** Takes its answer over. */
  land(sent: SentAsk, answer: TokenAnswer): TokenEnd;
  /** Why there is nothing to ask for: nobody is signed in, or the sign-in has ended. */
  gone(): BrowserTokenError | undefined;
  /** Why a caller of an era that has ended gets nothing. */
  whyEnded(): BrowserTokenError;
  /** Ends the era. */
  clear(): void;
  snapshot(): TokenSnapshot;
}

interface Failure {
  readonly error: BrowserTokenError;
  readonly ask: TokenRequest;
  readonly at: Reading;
  readonly forMs: number;
  readonly count: number;
}

/** The other failures meet whoever asks. */
const DEPENDS_ON_ASK: readonly BrowserTokenErrorCode[] = ["refresh_unavailable", "invalid_option"];
const LEAST_ASK: TokenRequest = { minValidityMs: 0, renew: false };
const LEAST_BACK_OFF_MS = 1_000;
/** A marker and a message may be forged: so many requests because of them at once, then one per two seconds. */
const MOST_NAMED = 5;
const NAMED_GAP_MS = 2_000;

/** Makes a memory that knows nothing yet. */
export function createTokenMemory(options: TokenMemoryOptions): TokenMemory {
  const { environment, session } = options;
  let held: HeldToken | undefined;
  /** The names that the last good answer dealt with. */
  let dealtWith: readonly (number | undefined)[] = [];
  let owner: string | null | undefined;
  let era = 0;
  let sent = 0;
  let kept = 0;
  let failure: Failure | undefined;
  let snapshot: TokenSnapshot = {};
  let spent: { readonly count: number; readonly at: Reading } | undefined;

  function follow(): number {
    const now = session();
    if (now === undefined) return era;
    const isEnded = now?.tokenState?.status === "reauthentication_required";
    const who = now && personOf(now) + (isEnded ? " ended" : "");
    if (who !== owner) {
      const isFirst = owner === undefined;
      owner = who;
      // Whose a token is that came before the session was known, only its end can tell.
      if (!isFirst || (held && !isOfSession(held.expires))) clear();
    }
    return era;
  }

  function isOfSession(expires: number | undefined): boolean {
    return expires !== undefined && expires === session()?.accessTokenExpires;
  }

  function clear(): void {
    era++;
    held = undefined;
    dealtWith = [];
    failure = undefined;
    options.onEraEnd();
    publish();
  }

  function publish(): void {
    const token = held?.token;
    const error = token ? undefined : (gone() ?? failure?.error);
    if (token === snapshot.token && error?.code === snapshot.error?.code) return;
    const isNew = token !== snapshot.token;
    snapshot = { ...(token && { token }), ...(error && { error }) };
    options.onChange(isNew ? token : undefined);
  }

  function gone(): BrowserTokenError | undefined {
    const now = session();
    if (now === null) return new BrowserTokenError("not_signed_in");
    const state = now?.tokenState;
    if (state?.status !== "reauthentication_required") return undefined;
    return new BrowserTokenError("reauthentication_required", state.reason);
  }

  function spentAt(now: Reading): number {
    return spent ? Math.max(0, spent.count - elapsedMs(spent.at, now) / NAMED_GAP_MS) : 0;
  }

  function failedForMs({ at, forMs }: Failure): number {
    return forMs - elapsedMs(at, environment.read());
  }

  function keep(next: HeldToken, { ask, number }: SentAsk): void {
    if (number < kept) return;
    kept = number;
    failure = undefined;
    dealtWith = [...ask.named, next.expires];
    const isSame = held?.token.accessToken === next.token.accessToken;
    held = isSame && held ? { ...next, token: held.token } : next;
  }

  function fail({ ask, number }: SentAsk, answer: Extract<TokenAnswer, { kind: "failed" }>): TokenEnd {
    const { code, reason, retryAfterMs = 0 } = answer;
    const error = new BrowserTokenError(code, reason);
    const failed = { kind: "failed", error, ask: DEPENDS_ON_ASK.includes(code) ? ask : LEAST_ASK } as const;
    if (number < kept) return failed;
    const at = environment.read();
    const isOver = code === "not_signed_in" || code === "reauthentication_required";
    if (isOver || (held && leftMs(held, at) <= 0)) held = undefined;
    const count = (failure?.count ?? 0) + 1;
    const forMs = Math.max(LEAST_BACK_OFF_MS, retryAfterMs, backOffMs(count, environment.random()));
    failure = { ...failed, at, forMs, count };
    if (isOver) {
      era++;
      options.onEraEnd();
    }
    publish();
    return failed;
  }

  return {
    follow,
    askOf(minValidityMs, renew, rejected) {
      const expires = session()?.accessTokenExpires;
      return {
        minValidityMs,
        renew: renew || (rejected !== undefined && rejected === held?.token.accessToken),
        named: expires === undefined ? options.named() : [expires, ...options.named()],
      };
    },
    fresh(ask) {
      const now = environment.read();
      if (!held || !isFresh(held, ask, now)) return undefined;
      const { expires, token } = held;
      const isOld = ask.named.some((name) => name !== expires && !dealtWith.includes(name));
      return isOld && spentAt(now) <= MOST_NAMED - 1 ? undefined : token;
    },
    spare: (ask) => (held && isUsable(held, ask, environment.read()) ? held.token : undefined),
    failed(ask) {
      if (!failure || !covers(ask, failure.ask)) return undefined;
      return failedForMs(failure) > 0 ? failure.error : undefined;
    },
    retryInMs() {
      const code = failure?.error.code;
      if (!failure || (code !== "refresh_unavailable" && code !== "store_failed")) return undefined;
      const inMs = failedForMs(failure);
      return inMs > 0 ? inMs : undefined;
    },
    replaceInMs(again) {
      const now = environment.read();
      if (!held || !(leftMs(held, now) > 0 && held.lifeMs < Infinity)) return undefined;
      return again ? leftMs(held, now) : replaceInMs(held, now, environment.random());
    },
    forgive() {
      failure = undefined;
    },
    send(ask) {
      const at = environment.read();
      // It would have served, had no other been named.
      if (held && isFresh(held, ask, at)) spent = { count: spentAt(at) + 1, at };
      return { ask, at, era, owner, number: ++sent };
    },
    isDoubtful(answer) {
      if (answer.kind === "failed" || !session() || isOfSession(answer.accessTokenExpires)) return false;
      return answer.accessToken !== held?.token.accessToken;
    },
    land(mine, answer) {
      follow();
      if (mine.era !== era) return { kind: "dropped" };
      if (answer.kind === "failed") return fail(mine, answer);
      const { accessToken, expiresInMs: lifeMs = Infinity, accessTokenExpires: expires } = answer;
      if (mine.owner !== owner && !isOfSession(expires)) return { kind: "dropped" };
      const expiresAtMs = Math.round(mine.at.wallMs + lifeMs);
      const token = Object.freeze({ accessToken, ...(lifeMs < Infinity && { expiresAtMs }) });
      const next = { token, since: mine.at, lifeMs, expires, isRenewed: mine.ask.renew };
      const isAlive = leftMs(next, environment.read()) > 0;
      if (isAlive) keep(next, mine);
      if (!isAlive || lifeMs < mine.ask.minValidityMs)
        return fail(mine, { kind: "failed", code: "refresh_unavailable" });
      publish();
      return { kind: "token", token: held?.token ?? token };
    },
    gone,
    whyEnded: () => failure?.error ?? gone() ?? new BrowserTokenError("not_signed_in"),
    clear,
    snapshot: () => snapshot,
  };
}
