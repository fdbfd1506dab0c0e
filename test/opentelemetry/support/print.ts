/** Events and spans as the pages show them: a line each. */
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";

import type { TokenEvent } from "../../../src/core/events.ts";
import { ms } from "./recording.ts";

/** `0:52:00.120 refresh_ended outcome=committed …`: the time since the sign-in, the type, and what it tells. */
export function eventLine(event: TokenEvent, startMs: number): string {
  const { atMs, type, grantRef: _grantRef, provider: _provider, ...members } = event;
  return [since(atMs - startMs), type, ...pairs(members)].join(" ");
}

/** As {@link eventLine}, with how long the span lasted and without `nolapse.` before attributes; children are indented. */
export function spanLines(spans: readonly ReadableSpan[], startMs: number): readonly string[] {
  const inOrder = [...spans].sort((one, other) => ms(one.startTime) - ms(other.startTime));
  const below = (parentId: string | undefined, indent: string): readonly string[] =>
    inOrder
      .filter((span) => span.parentSpanContext?.spanId === parentId)
      .flatMap((span) => [
        `${indent}${since(ms(span.startTime) - startMs)} ${span.name} (${Math.round(ms(span.duration))} ms) ${shown(span)}`,
        ...below(span.spanContext().spanId, `${indent}  `),
      ]);
  return below(undefined, "");
}

function shown({ attributes }: ReadableSpan): string {
  const hidden = [
    "nolapse.provider",
    "nolapse.grant_ref",
    "nolapse.took_ms",
    "nolapse.expires_at_ms",
    "error.type",
  ];
  const members = Object.entries(attributes).filter(([name]) => !hidden.includes(name));
  return pairs(
    Object.fromEntries(members.map(([name, value]) => [name.replace("nolapse.", ""), value])),
  ).join(" ");
}

function pairs(members: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(members)
    .filter(([name]) => name !== "expiresAtMs")
    .map(([name, value]) => `${name}=${String(value)}`);
}

function since(durationMs: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  const seconds = `${two((durationMs / 1_000) % 60)}.${String(Math.round(durationMs % 1_000)).padStart(3, "0")}`;
  return `${Math.floor(durationMs / 3_600_000)}:${two((durationMs / 60_000) % 60)}:${seconds}`;
}
