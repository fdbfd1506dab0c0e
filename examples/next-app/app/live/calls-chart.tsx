"use client";
import { useMemo, type ReactNode } from "react";
import { Bar, BarChart, ReferenceLine, Tooltip, XAxis, YAxis } from "recharts";

import { MARGIN, Y_AXIS_WIDTH, type TimeAxis } from "@/app/live/chart-frame";
import { useWords } from "@/components/words";
import type { CallBucket } from "@/lib/live/types";

import classes from "./live.module.css";

const HEIGHT = 96;

/** API calls over the same time: answered, and refused above them. */
export function CallsChart({
  buckets,
  width,
  barMs,
  time,
}: {
  readonly buckets: readonly CallBucket[];
  readonly width: number;
  /** The time that one bar stands for, in milliseconds. */
  readonly barMs: number;
  readonly time: TimeAxis;
}): ReactNode {
  const { chart } = useWords().live;
  const { fromMs, toMs } = time;
  const bars = useMemo(() => gather(buckets, barMs), [buckets, barMs]);
  const shown = bars.filter(({ atMs }) => atMs > fromMs && atMs < toMs);
  const top = Math.max(4, ...shown.map(({ answered, refused }) => answered + refused));
  const plotWidth = width - Y_AXIS_WIDTH - MARGIN.right;
  const barSize = Math.max(2, Math.floor((plotWidth * barMs) / (toMs - fromMs)) - 1);
  return (
    <figure role="img" aria-label={chart.calls(barMs / 1000)}>
      <BarChart
        width={width}
        height={HEIGHT}
        data={shown}
        margin={{ ...MARGIN, bottom: 8 }}
        accessibilityLayer={false}
      >
        <XAxis dataKey="atMs" type="number" domain={[fromMs, toMs]} hide allowDataOverflow />
        <YAxis
          width={Y_AXIS_WIDTH}
          domain={[0, top]}
          ticks={[0, top]}
          tickLine={false}
          axisLine={false}
          allowDecimals={false}
        />
        <ReferenceLine y={0} stroke="var(--ink-soft)" />
        <Bar
          dataKey="answered"
          stackId="calls"
          fill="var(--fresh)"
          barSize={barSize}
          isAnimationActive={false}
        />
        <Bar
          dataKey="refused"
          stackId="calls"
          fill="var(--refused)"
          barSize={barSize}
          isAnimationActive={false}
        />
        <Tooltip
          isAnimationActive={false}
          cursor={{ fill: "var(--line)", opacity: 0.5 }}
          content={({ active, payload }) => {
            const bar = active ? (payload[0]?.payload as CallsBar | undefined) : undefined;
            return bar === undefined ? null : (
              <div className={classes.tip}>
                <dl>
                  <dt>{chart.answered}</dt>
                  <dd>{bar.answered}</dd>
                  <dt>{chart.refused}</dt>
                  <dd>{bar.refused}</dd>
                </dl>
              </div>
            );
          }}
        />
      </BarChart>
    </figure>
  );
}

interface CallsBar {
  /** The middle of the stretch. */
  readonly atMs: number;
  readonly answered: number;
  readonly refused: number;
}

function gather(buckets: readonly CallBucket[], barMs: number): CallsBar[] {
  const bars = new Map<number, CallsBar>();
  for (const { startMs, answered, refused } of buckets) {
    const atMs = startMs - (startMs % barMs) + barMs / 2;
    const bar = bars.get(atMs) ?? { atMs, answered: 0, refused: 0 };
    bars.set(atMs, { atMs, answered: bar.answered + answered, refused: bar.refused + refused });
  }
  return [...bars.values()];
}
