/**
 * The last minutes as a picture: the life left of each token, what happened, and how the session did.
 *
 * @module
 */
import { useEffect, useRef, useState, type ReactElement, type RefObject } from "react";
import { duration } from "./format.ts";
import type { View } from "./instrument.ts";
import { colourOf, markOf, MarkIcon, MarkShape, type Mark } from "./marks.tsx";
import { livedLives, stretchOf } from "./scale.ts";

const PLOT_PX = 104;
const TOP_PX = 16;
const BASE_PX = TOP_PX + PLOT_PX;
const MARKS_PX = BASE_PX + 18;
const BAND_PX = MARKS_PX + 14;
const HEIGHT_PX = BAND_PX + 30;
const USUAL_WIDTH_PX = 420;
/** A request that took less than this on the picture is one mark instead of two. */
const LONG_PX = 10;

const LEGEND: readonly (readonly [Mark, string])[] = [
  ["asked", "asked"],
  ["answered", "answered"],
  ["failed", "failed"],
  ["news", "another tab"],
  ["woke", "wake-up"],
  ["panel", "panel"],
  ["next", "next request"],
];

/** Draws it as wide as there is room. */
export function Timeline({ view }: { view: View }): ReactElement {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidthPx(frame);
  const { nowMs, facts } = view;
  const left = facts.tokenLeftMs === undefined ? "no known end" : `${duration(facts.tokenLeftMs)} left`;
  return (
    <div className="nlp-plot">
      <div ref={frame}>
        <svg
          width={width}
          height={HEIGHT_PX}
          role="img"
          aria-label={`Timeline. Tokens seen: ${view.lives.length}. The present one: ${left}`}
        >
          <Picture view={view} width={width} nowMs={nowMs} />
        </svg>
      </div>
      <ul className="nlp-legend">
        {LEGEND.map(([mark, label]) => (
          <li key={mark}>
            <MarkIcon mark={mark} />
            {label}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Picture({ view, width, nowMs }: { view: View; width: number; nowMs: number }): ReactElement {
  const stretch = stretchOf(view.lives, nowMs);
  const lives = livedLives(view.lives, nowMs, stretch);
  const topMs = Math.max(10_000, ...lives.map(({ fromMs, endMs }) => endMs - fromMs));
  const x = (atMs: number): number =>
    Math.round(((atMs - stretch.fromMs) / (stretch.toMs - stretch.fromMs)) * width * 10) / 10;
  const y = (leftMs: number): number => Math.round((BASE_PX - (leftMs / topMs) * PLOT_PX) * 10) / 10;
  return (
    <>
      <text x={0} y={11}>
        {`${duration(topMs)} of life`}
      </text>
      <path d={`M0 ${BASE_PX}H${width}`} stroke="var(--nlp-line)" />
      <path d={`M0 ${TOP_PX}H${width}`} stroke="var(--nlp-line)" strokeDasharray="2 4" />
      <Ticks {...stretch} nowMs={nowMs} x={x} />
      <Lives lives={lives} nowMs={nowMs} toMs={stretch.toMs} fromMs={stretch.fromMs} x={x} y={y} />
      <Band view={view} fromMs={stretch.fromMs} x={x} />
      <path d={`M${x(nowMs)} ${TOP_PX - 4}V${BAND_PX + 8}`} stroke="var(--nlp-ink)" strokeWidth={1.2} />
      <Moments view={view} fromMs={stretch.fromMs} toMs={stretch.toMs} x={x} />
    </>
  );
}

type Scale = (value: number) => number;

function Ticks(props: {
  fromMs: number;
  toMs: number;
  tickMs: number;
  nowMs: number;
  x: Scale;
}): ReactElement {
  const { fromMs, toMs, tickMs, nowMs, x } = props;
  const first = Math.ceil((fromMs - nowMs) / tickMs);
  const count = Math.floor((toMs - nowMs) / tickMs) - first + 1;
  const offsets = Array.from({ length: count }, (_, i) => (first + i) * tickMs);
  const name = (ms: number): string => {
    const sign = ms > 0 ? "+" : "−";
    return sign + (tickMs < 60_000 ? `${Math.abs(ms) / 1_000} s` : `${Math.abs(ms) / 60_000} min`);
  };
  return (
    <>
      {offsets
        .filter((offsetMs) => x(nowMs + offsetMs) > 18 && x(nowMs + offsetMs) < x(toMs) - 14)
        .map((offsetMs) => (
          <text key={offsetMs} x={x(nowMs + offsetMs)} y={HEIGHT_PX - 5} textAnchor="middle">
            {offsetMs === 0 ? "now" : name(offsetMs)}
          </text>
        ))}
    </>
  );
}

function Lives(props: {
  lives: ReturnType<typeof livedLives>;
  nowMs: number;
  fromMs: number;
  toMs: number;
  x: Scale;
  y: Scale;
}): ReactElement {
  const { lives, nowMs, x, y } = props;
  const last = lives.at(-1);
  const futureMs = Math.min(last?.endMs ?? 0, props.toMs);
  return (
    <>
      {lives.map(({ fromMs, endMs, untilMs }, i) => {
        const startMs = Math.max(fromMs, props.fromMs);
        const line = `M${x(startMs)} ${y(endMs - startMs)}L${x(untilMs)} ${y(endMs - untilMs)}`;
        return (
          <g key={i}>
            <path d={`${line}V${BASE_PX}H${x(startMs)}Z`} fill="var(--nlp-good)" fillOpacity={0.13} />
            <path d={line} fill="none" stroke="var(--nlp-good)" strokeWidth={2} strokeLinecap="round" />
          </g>
        );
      })}
      {last && last.goneMs === undefined && futureMs > nowMs && (
        <path
          d={`M${x(nowMs)} ${y(last.endMs - nowMs)}L${x(futureMs)} ${y(last.endMs - futureMs)}`}
          stroke="var(--nlp-soft)"
          strokeWidth={1.5}
          strokeDasharray="3 5"
        />
      )}
    </>
  );
}

/** How the session did, as a band of colour. */
function Band({ view, fromMs, x }: { view: View; fromMs: number; x: Scale }): ReactElement {
  const { spans, nowMs } = view;
  return (
    <>
      {spans.map((span, i) => {
        const startPx = Math.max(0, x(Math.max(span.fromMs, fromMs)));
        const endPx = x(spans[i + 1]?.fromMs ?? nowMs);
        if (endPx <= 0) return null;
        return (
          <rect
            key={i}
            x={startPx}
            y={BAND_PX}
            width={Math.max(1, endPx - startPx)}
            height={5}
            rx={2}
            fill={colourOf(span.status)}
          >
            <title>{span.status}</title>
          </rect>
        );
      })}
    </>
  );
}

function Moments(props: { view: View; fromMs: number; toMs: number; x: Scale }): ReactElement {
  const { log, next, nowMs } = props.view;
  const { fromMs, toMs, x } = props;
  const nextMs = next.kind === "ask" && next.inMs > 0 ? nowMs + next.inMs : Infinity;
  return (
    <>
      {log
        .filter(({ atMs }) => atMs > fromMs)
        .map((entry) => {
          const tookMs = entry.kind === "ask" ? (entry.tookMs ?? 0) : 0;
          const [startPx, endPx] = [x(entry.atMs), x(entry.atMs + tookMs)];
          return (
            <g key={entry.id}>
              {endPx - startPx > LONG_PX && (
                <>
                  <path d={`M${startPx} ${MARKS_PX}H${endPx}`} stroke="var(--nlp-ask)" />
                  <MarkShape mark="asked" x={startPx} y={MARKS_PX} />
                </>
              )}
              <MarkShape mark={markOf(entry)} x={endPx} y={MARKS_PX} />
            </g>
          );
        })}
      {nextMs < toMs && <MarkShape mark="next" x={x(nextMs)} y={MARKS_PX} />}
    </>
  );
}

function useWidthPx(frame: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(USUAL_WIDTH_PX);
  useEffect(() => {
    const element = frame.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [frame]);
  return width;
}
