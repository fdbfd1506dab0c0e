"use client";
import type { ReactNode } from "react";

import { useLocale, useWords } from "@/components/words";
import type { LiveCounters } from "@/lib/live/types";

import classes from "./live.module.css";

const ORDER = ["lifetimes", "refreshes", "answered", "refused"] as const;

/** Totals since the sign-in. */
export function Counters({ counters }: { readonly counters: LiveCounters }): ReactNode {
  const { live } = useWords();
  const format = new Intl.NumberFormat(useLocale());
  return (
    <dl className={`${classes.card} ${classes.counters}`}>
      {ORDER.map((name) => (
        <div key={name} data-bad={name === "refused" && counters.refused > 0}>
          <dt>{live.counters[name]}</dt>
          <dd data-testid={`counter-${name}`}>{format.format(counters[name])}</dd>
        </div>
      ))}
    </dl>
  );
}
