/**
 * What is so now: the token, the next request, the tabs, the page.
 *
 * @module
 */
import type { ReactElement, ReactNode } from "react";
import { dayAndTime, duration, timeOfDay, WHY, WHY_NOT } from "./format.ts";
import type { View } from "./instrument.ts";
import { colourOf } from "./marks.tsx";

/** All four. */
export function FactCards({ view }: { view: View }): ReactElement {
  return (
    <div className="nlp-facts">
      <TokenCard view={view} />
      <NextCard view={view} />
      <TabsCard view={view} />
      <PageCard view={view} />
    </div>
  );
}

function TokenCard({ view: { facts } }: { view: View }): ReactElement {
  const { status, tokenLeftMs, tokenEndsAtMs, sessionEndsAtMs, signInLeftMs, failures } = facts;
  return (
    <Card title="Token">
      <p className="nlp-big">{tokenLeftMs === undefined ? "–" : `${duration(tokenLeftMs)} left`}</p>
      <p className="nlp-status">
        <svg width="10" height="10" aria-hidden="true">
          <circle cx="5" cy="5" r="5" fill={colourOf(status)} />
        </svg>
        {status}
      </p>
      <Rows
        rows={[
          ["ends (server)", tokenEndsAtMs === undefined ? "–" : timeOfDay(tokenEndsAtMs)],
          ["cookie ends", sessionEndsAtMs === undefined ? "–" : dayAndTime(sessionEndsAtMs)],
          ["sign-in ends", signInLeftMs === undefined ? "–" : `in ${duration(signInLeftMs)}`],
          ["failures in a row", String(failures)],
        ]}
      />
    </Card>
  );
}

function NextCard({ view: { next, isAsking } }: { view: View }): ReactElement {
  if (next.kind === "rest" || isAsking) {
    const why = next.kind === "rest" && !isAsking ? WHY_NOT[next.because] : "a request is under way";
    return (
      <Card title="Next request">
        <p className="nlp-big">{isAsking ? "now" : "none"}</p>
        <p className="nlp-why">{why}</p>
      </Card>
    );
  }
  return (
    <Card title="Next request">
      <p className="nlp-big">{next.inMs > 0 ? `in ${duration(next.inMs)}` : "waits for its turn"}</p>
      <p className="nlp-why">{WHY[next.reason]}</p>
      <Rows
        rows={[
          ["reason", next.reason],
          ["next look at the clocks", `in ${duration(next.lookInMs)}`],
        ]}
      />
    </Card>
  );
}

function TabsCard({ view: { lastAsk, turn, tabsHeard, newsHeard } }: { view: View }): ReactElement {
  return (
    <Card title="Asked last">
      <p className="nlp-big">{lastAsk?.who ?? "–"}</p>
      <p className="nlp-why">{lastAsk ? `${duration(lastAsk.agoMs)} ago, for all tabs` : "nobody yet"}</p>
      <Rows
        rows={[
          ["holds the turn", turn ?? "nobody"],
          ["other tabs with a panel", String(tabsHeard)],
          ["news of other tabs", String(newsHeard)],
        ]}
      />
    </Card>
  );
}

function PageCard({ view: { isOnline, isVisible, divergenceMs } }: { view: View }): ReactElement {
  return (
    <Card title="This page">
      <p className="nlp-big">{isOnline ? "online" : "offline"}</p>
      <p className="nlp-why">{isVisible ? "visible" : "hidden: others ask first"}</p>
      <Rows rows={[["clocks apart", `${(divergenceMs / 1_000).toFixed(1)} s`]]} />
    </Card>
  );
}

function Card({ title, children }: { title: string; children: ReactNode }): ReactElement {
  return (
    <section className="nlp-fact" aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Rows({ rows }: { rows: readonly (readonly [string, string])[] }): ReactElement {
  return (
    <dl className="nlp-rows">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
