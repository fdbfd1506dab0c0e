"use client";
/**
 * The token's life over time: a saw-tooth of the life left, the moments in it, and the API calls below.
 *
 * @module
 */
import { SegmentedControl } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useMemo, useState, type ReactNode } from "react";

import { CallsChart } from "@/app/live/calls-chart";
import { LifeChart } from "@/app/live/life-chart";
import { MarkIcon, type Mark } from "@/app/live/marks";
import { useLocale, useWords } from "@/components/words";
import type { TokenLife } from "@/lib/live/lives";
import type { CallBucket } from "@/lib/live/types";

import classes from "./live.module.css";

/** What one sees at once, in milliseconds: back, ahead, between ticks, and per bar of the calls. */
const RANGES = {
  minutes3: { backMs: 150_000, aheadMs: 42_000, tickMs: 30_000, barMs: 5_000 },
  minutes15: { backMs: 870_000, aheadMs: 45_000, tickMs: 180_000, barMs: 15_000 },
  hour: { backMs: 3_520_000, aheadMs: 90_000, tickMs: 600_000, barMs: 60_000 },
} as const;

type Range = keyof typeof RANGES;

interface Props {
  readonly lives: readonly TokenLife[];
  readonly buckets: readonly CallBucket[];
  readonly nowMs: number;
}

export function Timeline({ lives, buckets, nowMs }: Props): ReactNode {
  const { live } = useWords();
  const locale = useLocale();
  const [range, setRange] = useState<Range>("minutes3");
  const { ref, width } = useElementSize();
  const { backMs, aheadMs, tickMs, barMs } = RANGES[range];
  const fromMs = nowMs - backMs;
  const toMs = nowMs + aheadMs;
  const current = lives.at(-1);
  const left = current ? live.seconds(Math.max(0, Math.ceil((current.expiresAtMs - nowMs) / 1000))) : "–";
  const ticks = useMemo(() => ticksBetween(fromMs, toMs, tickMs), [fromMs, toMs, tickMs]);
  const clock = useMemo(() => clockFormat(locale, tickMs < 60_000), [locale, tickMs]);
  const time = { fromMs, toMs, ticks, format: (atMs: number) => clock.format(atMs) };
  return (
    <section className={`${classes.card} ${classes.timeline}`} data-testid="timeline">
      <div className={classes.head}>
        <h2>{live.chart.title}</h2>
        <SegmentedControl
          size="xs"
          value={range}
          onChange={(value) => setRange(value as Range)}
          aria-label={live.chart.range}
          data={(Object.keys(RANGES) as Range[]).map((value) => ({ value, label: live.chart[value] }))}
        />
      </div>
      <div className={classes.chart}>
        <div ref={ref}>
          {width > 0 && (
            <>
              <figure role="img" aria-label={live.chart.summary(lives.length, left)}>
                <LifeChart lives={lives} nowMs={nowMs} width={width} time={time} />
              </figure>
              <p className={classes.caption}>{live.chart.calls(barMs / 1000)}</p>
              <CallsChart buckets={buckets} width={width} barMs={barMs} time={time} />
            </>
          )}
        </div>
      </div>
      <Legend />
    </section>
  );
}

function Legend(): ReactNode {
  const { chart } = useWords().live;
  const entries: readonly [Mark, string][] = [
    ["issued", `${chart.issued} · ${chart.renewed}`],
    ["due", chart.due],
    ["asked", chart.asked],
    ["idleAsk", chart.idleAsk],
    ["expires", chart.expires],
  ];
  return (
    <ul className={classes.legend}>
      {entries.map(([mark, label]) => (
        <li key={mark}>
          <MarkIcon mark={mark} />
          {label}
        </li>
      ))}
    </ul>
  );
}

function ticksBetween(fromMs: number, toMs: number, stepMs: number): number[] {
  const first = Math.ceil(fromMs / stepMs) * stepMs;
  return Array.from(
    { length: Math.max(0, Math.floor((toMs - first) / stepMs) + 1) },
    (_, n) => first + n * stepMs,
  );
}

function clockFormat(locale: string, withSeconds: boolean): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(locale, {
    hour: "2-digit",
    minute: "2-digit",
    ...(withSeconds && { second: "2-digit" }),
    hourCycle: "h23",
  });
}
