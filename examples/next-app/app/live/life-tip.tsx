"use client";
import type { ReactNode } from "react";

import { useLocale, useWords } from "@/components/words";
import type { TokenLife } from "@/lib/live/lives";

import classes from "./live.module.css";

/** One token's life in words, for the timeline's tooltip. */
export function LifeTip({ life, nowMs }: { readonly life: TokenLife; readonly nowMs: number }): ReactNode {
  const { chart, doors, log } = useWords().live;
  const clock = new Intl.DateTimeFormat(useLocale(), {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  const asked = life.askedAtMs !== undefined && life.door !== undefined;
  return (
    <div className={classes.tip}>
      <dl>
        <dt>{chart.issued}</dt>
        <dd>{clock.format(life.issuedAtMs)}</dd>
        <dt>{chart.due}</dt>
        <dd>{clock.format(life.dueAtMs)}</dd>
        {asked && (
          <>
            <dt>{chart.asked}</dt>
            <dd>
              {clock.format(life.askedAtMs)}
              <small>
                {chart.by(doors[life.door ?? ""] ?? life.door ?? "")}
                {life.reason && ` · ${log.reasons[life.reason]}`}
              </small>
            </dd>
          </>
        )}
        {life.renewedAtMs !== undefined && (
          <>
            <dt>{chart.renewed}</dt>
            <dd>
              {clock.format(life.renewedAtMs)}
              {life.tookMs !== undefined && <small>{chart.took(Math.round(life.tookMs))}</small>}
            </dd>
          </>
        )}
        {!asked && life.idleAskAtMs > nowMs && (
          <>
            <dt>{chart.idleAsk}</dt>
            <dd>{clock.format(life.idleAskAtMs)}</dd>
          </>
        )}
        <dt>{chart.expires}</dt>
        <dd>{clock.format(life.expiresAtMs)}</dd>
      </dl>
    </div>
  );
}
