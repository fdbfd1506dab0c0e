"use client";
import type { ReactNode } from "react";

import { MarkIcon, type Mark } from "@/app/live/marks";
import { useLocale, useWords } from "@/components/words";
import type { Dictionary } from "@/lib/i18n";
import type { LiveEvent } from "@/lib/live/types";

import classes from "./live.module.css";

const SHOWN = 80;

const MARKS: Readonly<Record<LiveEvent["kind"], Mark>> = {
  signed_in: "issued",
  seen: "issued",
  asked: "asked",
  renewed: "issued",
  adopted: "issued",
  failed: "failed",
  ended: "expires",
};

/** What happened, newest first: the same as the timeline, in words. */
export function EventLog({ events }: { readonly events: readonly LiveEvent[] }): ReactNode {
  const { live, reauth } = useWords();
  const clock = new Intl.DateTimeFormat(useLocale(), {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  const newest = events.slice(-SHOWN).reverse();
  return (
    <section className={`${classes.card} ${classes.log}`} data-testid="event-log">
      <h2 className={classes.section}>{live.log.title}</h2>
      {newest.length === 0 ? (
        <p className={classes.empty}>{live.log.empty}</p>
      ) : (
        <ol tabIndex={0} aria-label={live.log.title}>
          {newest.map((event) => {
            const { text, detail } = wordsFor(event, live, reauth);
            return (
              <li key={`${event.atMs}.${event.seq}`} data-kind={event.kind}>
                <time dateTime={new Date(event.atMs).toISOString()}>{clock.format(event.atMs)}</time>
                <MarkIcon mark={MARKS[event.kind]} />
                <span>
                  {text}
                  {detail !== undefined && <small>{detail}</small>}
                </span>
              </li>
            );
          })}
        </ol>
      )}
    </section>
  );
}

interface Words {
  readonly text: string;
  readonly detail?: string | undefined;
}

function wordsFor(
  event: LiveEvent,
  { log, doors, providers }: Dictionary["live"],
  reauth: Dictionary["reauth"],
): Words {
  const door = "door" in event ? (doors[event.door] ?? event.door) : "";
  switch (event.kind) {
    case "signed_in":
      return { text: log.signed_in(providers[event.provider] ?? event.provider) };
    case "seen":
      return { text: log.seen, detail: log.lived(Math.round((event.expiresAtMs - event.issuedAtMs) / 1000)) };
    case "asked":
      return { text: log.asked(door), detail: event.reason && log.reasons[event.reason] };
    case "renewed":
      return { text: log.renewed(door), detail: log.took(Math.round(event.tookMs)) };
    case "failed":
      return { text: log.failed(event.code), detail: log.took(Math.round(event.tookMs)) };
    case "adopted":
      return { text: log.adopted(door) };
    case "ended":
      return { text: log.ended, detail: reauth.reasons[event.reason] ?? event.reason };
  }
}
