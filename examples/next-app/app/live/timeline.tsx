"use client";
/**
 * The token's life over time: a saw-tooth of the life left, the moments in it, and the API calls below.
 *
 * @module
 */
import { SegmentedControl } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useMemo, useState, type ReactNode } from "react";
import {
  Area,
  ComposedChart,
  Line,
  ReferenceArea,
  ReferenceDot,
  ReferenceLine,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";

import { CallsChart } from "@/app/live/calls-chart";
import { MARGIN, Y_AXIS_WIDTH, type TimeAxis } from "@/app/live/chart-frame";
import { LifeTip } from "@/app/live/life-tip";
import { MarkIcon, MarkShape, type Mark } from "@/app/live/marks";
import { useLocale, useWords } from "@/components/words";
import { lifeAt, sawtooth, type TokenLife } from "@/lib/live/lives";
import type { CallBucket } from "@/lib/live/types";

import classes from "./live.module.css";

/** What one sees at once, in milliseconds: back, ahead, between ticks, and per bar of the calls. */
const RANGES = {
  minutes3: { backMs: 150_000, aheadMs: 42_000, tickMs: 30_000, barMs: 5_000 },
  minutes15: { backMs: 870_000, aheadMs: 45_000, tickMs: 180_000, barMs: 15_000 },
  hour: { backMs: 3_520_000, aheadMs: 90_000, tickMs: 600_000, barMs: 60_000 },
} as const;

type Range = keyof typeof RANGES;

const HEIGHT = 270;
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

interface LifeChartProps {
  readonly lives: readonly TokenLife[];
  readonly nowMs: number;
  readonly width: number;
  readonly time: TimeAxis;
}

function LifeChart({ lives, nowMs, width, time }: LifeChartProps): ReactNode {
  const { live } = useWords();
  const { fromMs, toMs } = time;
  const shown = lives.filter((life) => (life.renewedAtMs ?? life.expiresAtMs) > fromMs);
  const current = lives.at(-1);
  const topS = Math.max(10, ...shown.map(({ issuedAtMs, expiresAtMs }) => (expiresAtMs - issuedAtMs) / 1000));
  const leadS = current ? (current.expiresAtMs - current.dueAtMs) / 1000 : topS / 3;
  const room = roomFor(((width - Y_AXIS_WIDTH) * topS * 1000) / (toMs - fromMs));
  const past = sawtooth(shown, fromMs, nowMs, (toMs - fromMs) / 240);
  const data = [...past.map((point) => ({ ...point, planS: null })), ...plan(current, nowMs, toMs)];
  return (
    <ComposedChart width={width} height={HEIGHT} data={data} margin={MARGIN} accessibilityLayer={false}>
      <defs>
        <linearGradient id="life" x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" stopColor="var(--fresh)" stopOpacity={0.36} />
          <stop offset={1 - leadS / topS} stopColor="var(--fresh)" stopOpacity={0} />
        </linearGradient>
      </defs>
      <ReferenceArea
        y1={0}
        y2={leadS}
        fill="var(--due-soft)"
        fillOpacity={0.75}
        ifOverflow="hidden"
        label={{ value: live.chart.dueZone, position: "insideTopLeft", fill: "var(--due)", fontSize: 12 }}
      />
      <XAxis
        dataKey="atMs"
        type="number"
        domain={[fromMs, toMs]}
        ticks={time.ticks}
        tickFormatter={time.format}
        allowDataOverflow
        tickLine={false}
        axisLine={{ stroke: "var(--ink-soft)" }}
        minTickGap={16}
        tickMargin={8}
      />
      <YAxis
        width={Y_AXIS_WIDTH}
        domain={[0, topS]}
        ticks={[0, Math.round(leadS), Math.round(topS)]}
        tickFormatter={live.seconds}
        tickLine={false}
        axisLine={false}
        allowDataOverflow
      />
      <Area
        dataKey="leftS"
        type="linear"
        stroke="var(--fresh)"
        strokeWidth={room === "all" ? 2.5 : 1.5}
        fill="url(#life)"
        isAnimationActive={false}
        activeDot={false}
        dot={false}
        connectNulls={false}
      />
      <Line
        dataKey="planS"
        type="linear"
        stroke="var(--ink-soft)"
        strokeWidth={1.5}
        strokeDasharray="3 5"
        isAnimationActive={false}
        activeDot={false}
        dot={false}
      />
      <ReferenceLine
        x={nowMs}
        stroke="var(--ink)"
        strokeWidth={1.5}
        ifOverflow="hidden"
        label={{ value: live.now, position: "top", fill: "var(--ink-soft)", fontSize: 12 }}
      />
      {marksOf(shown, nowMs, room)
        .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
        .map(({ mark, atMs, leftS }) => (
          <ReferenceDot
            key={`${mark}-${atMs}`}
            x={atMs}
            y={Math.max(0, leftS)}
            shape={({ cx, cy }: { cx?: number; cy?: number }) => (
              <MarkShape mark={mark} cx={cx ?? 0} cy={cy ?? 0} />
            )}
          />
        ))}
      <Tooltip
        isAnimationActive={false}
        cursor={{ stroke: "var(--ink-soft)", strokeDasharray: "2 3" }}
        content={({ active, label }) => {
          const life = active && typeof label === "number" ? lifeAt(lives, label) : undefined;
          return life === undefined ? null : <LifeTip life={life} nowMs={nowMs} />;
        }}
      />
    </ComposedChart>
  );
}

/** How the current token would run out if nobody asked. */
function plan(
  current: TokenLife | undefined,
  nowMs: number,
  toMs: number,
): { atMs: number; leftS: null; planS: number }[] {
  if (current === undefined || current.renewedAtMs !== undefined || current.expiresAtMs <= nowMs) return [];
  const endMs = Math.min(current.expiresAtMs, toMs);
  return [nowMs, endMs].map((atMs) => ({ atMs, leftS: null, planS: (current.expiresAtMs - atMs) / 1000 }));
}

interface Placed {
  readonly mark: Mark;
  readonly atMs: number;
  readonly leftS: number;
}

/** How many moments of a life can be told apart where a whole life is `widthPx` wide. */
function roomFor(widthPx: number): Room {
  if (widthPx >= 26) return "all";
  return widthPx >= 10 ? "issued" : "none";
}

type Room = "all" | "issued" | "none";

function marksOf(lives: readonly TokenLife[], nowMs: number, room: Room): Placed[] {
  if (room === "none") return [];
  return lives.flatMap((life) => {
    const at = (mark: Mark, atMs: number): Placed => ({
      mark,
      atMs,
      leftS: (life.expiresAtMs - atMs) / 1000,
    });
    const issued = at("issued", life.issuedAtMs);
    if (room === "issued") return [issued];
    const live = life.renewedAtMs === undefined;
    return [
      ...(live || life.dueAtMs <= (life.renewedAtMs ?? 0) ? [at("due", life.dueAtMs)] : []),
      ...(live && life.askedAtMs === undefined && life.idleAskAtMs > nowMs
        ? [at("idleAsk", life.idleAskAtMs)]
        : []),
      ...(live ? [at("expires", life.expiresAtMs)] : []),
      ...(life.askedAtMs === undefined ? [] : [at("asked", life.askedAtMs)]),
      issued,
    ];
  });
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
