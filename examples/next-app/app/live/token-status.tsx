"use client";
import type { ReactNode } from "react";

import { useWords } from "@/components/words";
import type { TokenLife } from "@/lib/live/lives";

import classes from "./live.module.css";

type State = "fresh" | "due" | "expired" | "ended" | "unknown";

function stateOf(current: TokenLife | undefined, nowMs: number, ended: boolean): State {
  if (ended) return "ended";
  if (current === undefined) return "unknown";
  if (nowMs >= current.expiresAtMs) return "expired";
  return nowMs >= current.dueAtMs ? "due" : "fresh";
}

/** The current token: its state, the life it has left, and what comes next. */
export function TokenStatus({
  current,
  nowMs,
  ended,
}: {
  readonly current: TokenLife | undefined;
  readonly nowMs: number;
  readonly ended: boolean;
}): ReactNode {
  const { live } = useWords();
  const state = stateOf(current, nowMs, ended);
  const text = {
    fresh: live.stateFresh,
    due: live.stateDue,
    expired: live.stateExpired,
    ended: live.stateEnded,
    unknown: live.stateUnknown,
  }[state];
  const seconds = (ms: number): number => Math.max(0, Math.ceil(ms / 1000));
  return (
    <section className={`${classes.card} ${classes.status}`} data-state={state} data-testid="token-status">
      <div className={classes.state} role="status">
        {text}
      </div>
      <div className={classes.left}>
        <strong data-testid="seconds-left">
          {current === undefined || ended ? "–" : seconds(current.expiresAtMs - nowMs)}
        </strong>
        <span>{live.secondsLeft}</span>
      </div>
      {current !== undefined && !ended && (
        <>
          <LifeBar life={current} nowMs={nowMs} />
          <dl className={classes.next}>
            <div>
              <dt>{live.nextDue}</dt>
              <dd>{live.seconds(seconds(current.dueAtMs - nowMs))}</dd>
            </div>
            <div>
              <dt>{live.nextAsk}</dt>
              <dd>{live.seconds(seconds(current.idleAskAtMs - nowMs))}</dd>
            </div>
          </dl>
        </>
      )}
    </section>
  );
}

/** What is left of the token's life, with a notch where it becomes due. */
function LifeBar({ life, nowMs }: { readonly life: TokenLife; readonly nowMs: number }): ReactNode {
  const lifetimeMs = life.expiresAtMs - life.issuedAtMs;
  const share = Math.min(1, Math.max(0, (life.expiresAtMs - nowMs) / lifetimeMs));
  const due = (life.expiresAtMs - life.dueAtMs) / lifetimeMs;
  return (
    <div className={classes.bar} aria-hidden="true">
      <i style={{ transform: `scaleX(${share})` }} />
      <b style={{ left: `${due * 100}%` }} />
    </div>
  );
}
