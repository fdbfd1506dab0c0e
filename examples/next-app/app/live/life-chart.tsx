"use client";
/**
 * The saw-tooth: the life left in the access token over time, and the moments in it.
 *
 * @module
 */
import type { ReactNode } from "react";
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

import { MARGIN, Y_AXIS_WIDTH, type TimeAxis } from "@/app/live/chart-frame";
import { LifeTip } from "@/app/live/life-tip";
import { MarkShape, type Mark } from "@/app/live/marks";
import { useWords } from "@/components/words";
import { lifeAt, sawtooth, type TokenLife } from "@/lib/live/lives";

const HEIGHT = 270;

interface LifeChartProps {
  readonly lives: readonly TokenLife[];
  readonly nowMs: number;
  readonly width: number;
  readonly time: TimeAxis;
}

/** Draws the tokens' lives within a stretch of time, and how the current one would run out. */
export function LifeChart({ lives, nowMs, width, time }: LifeChartProps): ReactNode {
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
