"use client";
import { Badge, Skeleton } from "@mantine/core";
import { useMemo, type ReactNode } from "react";

import { Counters } from "@/app/live/counters";
import { EventLog } from "@/app/live/event-log";
import { ThisTab } from "@/app/live/this-tab";
import { Timeline } from "@/app/live/timeline";
import { TokenStatus } from "@/app/live/token-status";
import { TryIt } from "@/app/live/try-it";
import { useLive, useServerNow, type StreamStatus } from "@/app/live/use-live";
import { PageHeader } from "@/components/page-header";
import { useWords } from "@/components/words";
import { countersAt, livesFrom } from "@/lib/live/lives";

import classes from "./live.module.css";

/** The live page: how long the token still lives, what has happened as server and tab see it, and buttons that put both to the test. */
export function LiveBoard(): ReactNode {
  const { live: words } = useWords();
  const { state, anchor, status } = useLive();
  const nowMs = useServerNow(anchor, 1_000);
  const lives = useMemo(() => livesFrom(state?.events ?? []), [state?.events]);
  return (
    <div data-testid="live" data-status={status}>
      <PageHeader title={words.title} aside={<StreamBadge status={status} />}>
        {words.lead}
      </PageHeader>
      {state === undefined || nowMs === undefined ? (
        <Waiting />
      ) : (
        <div className={classes.board}>
          <TokenStatus current={lives.at(-1)} nowMs={nowMs} ended={status === "ended"} />
          <Counters counters={countersAt(state, lives, nowMs)} />
          <Timeline lives={lives} buckets={state.buckets} nowMs={nowMs} />
          <TryIt />
          <EventLog events={state.events} />
          <ThisTab />
        </div>
      )}
    </div>
  );
}

function StreamBadge({ status }: { readonly status: StreamStatus }): ReactNode {
  const { live } = useWords();
  const text = {
    connecting: live.connecting,
    open: live.connected,
    waiting: live.paused,
    ended: live.stateEnded,
  }[status];
  return (
    <Badge
      variant="dot"
      size="lg"
      tt="none"
      color={status === "open" ? "var(--fresh)" : "gray"}
      role="status"
      data-testid="stream-status"
    >
      {text}
    </Badge>
  );
}

function Waiting(): ReactNode {
  const { live } = useWords();
  return (
    <div className={classes.board} role="status" aria-label={live.connecting}>
      <Skeleton height={190} radius="lg" style={{ gridArea: "status" }} />
      <Skeleton height={190} radius="lg" style={{ gridArea: "counters" }} />
      <Skeleton height={440} radius="lg" style={{ gridArea: "timeline" }} />
    </div>
  );
}
