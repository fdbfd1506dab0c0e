import type { ReactNode } from "react";

import classes from "./sawtooth.module.css";

const TEETH = 5;
const WIDTH = 92;
const TOP = 34;
const TURN = 150;
const DUE = 118;
const GROUND = 224;
/** How much longer a token would have lived, at the slope of the teeth. */
const REST = ((GROUND - TURN) * WIDTH) / (TURN - TOP);

/** The idea in one picture: each token is replaced before it runs out. Drawn, not measured. */
export function Sawtooth(): ReactNode {
  const starts = Array.from({ length: TEETH }, (_, place) => 24 + place * WIDTH);
  const line = starts
    .map((x, place) => `${place === 0 ? "M" : "L"}${x} ${TOP}L${x + WIDTH} ${TURN}`)
    .join("");
  const lastX = 24 + TEETH * WIDTH;
  return (
    <svg viewBox="0 0 508 260" className={classes.picture} aria-hidden="true">
      <defs>
        <linearGradient id="tooth" gradientUnits="userSpaceOnUse" x1="0" y1={TOP} x2="0" y2={DUE}>
          <stop offset="0" stopColor="var(--fresh)" stopOpacity=".36" />
          <stop offset="1" stopColor="var(--fresh)" stopOpacity="0" />
        </linearGradient>
      </defs>
      <rect x="24" y={DUE} width={TEETH * WIDTH} height={GROUND - DUE} fill="var(--due-soft)" opacity=".7" />
      <path d={`${line}V224H24Z`} fill="url(#tooth)" />
      <path d={line} className={classes.line} />
      {starts.slice(1).map((x) => (
        <g key={x}>
          <path d={`M${x} ${TURN}L${x + REST} 224`} className={classes.unlived} />
          <circle cx={x} cy={TOP} r="6" className={classes.renewed} />
        </g>
      ))}
      <path d={`M24 224H${lastX}`} className={classes.ground} />
    </svg>
  );
}
