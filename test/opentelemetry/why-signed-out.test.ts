import { describe, expect, it } from "vitest";

import { readDocument } from "../../scripts/lib/markdown.ts";
import { literalsOf } from "../../scripts/lib/source-facts.ts";
import { COUNTERS } from "../../src/opentelemetry/metric-table.ts";
import { eventLine, spanLines } from "./support/print.ts";
import { record } from "./support/recording.ts";
import { STORIES, type Story } from "./support/stories.ts";

const page = readDocument("docs/why-signed-out.md");

/** The blocks of the page, by their titles. */
const shown = new Map(
  page.blocks.flatMap(({ title, code }) => (title === undefined ? [] : [[title, code] as const])),
);

describe("docs/why-signed-out.md", () => {
  it.each(Object.entries(STORIES))("shows what the engine really tells: %s", async (name, play) => {
    const { events, startMs, outcome } = await play();

    const lines = [...events.map((event) => eventLine(event, startMs)), `=> ${outcome}`];
    expect(shown.get(name)).toBe(lines.join("\n"));
  });

  it("shows the spans of a lost answer as they are exported", async () => {
    const { events, startMs }: Story = await STORIES["lost_response_answered"]!();

    const lines = spanLines(await record(events).spans(), startMs);

    expect(lines.length).toBe(6);
    expect(shown.get("spans of lost_response_answered")).toBe(lines.join("\n"));
  });

  it("has a part for every reason for which a user has to sign in again", { timeout: 60_000 }, () => {
    const reasons = literalsOf("src/core/errors.ts", "ReauthenticationReason");

    expect(reasons.length).toBe(8);
    const headings = page.headings.map(({ text }) => text);
    expect(headings).toEqual(expect.arrayContaining(reasons.map((reason) => `\`${reason}\``)));
    expect([...shown.keys()]).toEqual(expect.arrayContaining([...reasons]));
  });

  it("names only metrics that there are", () => {
    const names = Object.values(COUNTERS).flatMap((counter) => counter?.name ?? []);
    const named = [...page.text.matchAll(/`(nolapse\.[a-z]+\.[a-z_]+)`/g)].map(([, name = ""]) => name);

    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => !names.includes(name))).toEqual([]);
  });
});

describe("the stories of the page", () => {
  it.each(["refresh_unavailable", "store_failed"])(
    "end nobody's grant where it is no sign-out: %s (I6)",
    async (name) => {
      const { events, outcome } = await STORIES[name]!();

      expect(events.map(({ type }) => type)).not.toContain("grant_ended");
      expect(outcome).toMatch(/and after the outage at\.alice\.\d$/);
    },
  );

  it.each(["signed_out", "replaced", "revoked", "rejected", "lost_response"])(
    "tell the end once, with its reason: %s (I20)",
    async (name) => {
      const { events, outcome } = await STORIES[name]!();

      expect(events.filter(({ type }) => type === "grant_ended")).toMatchObject([{ reason: name }]);
      expect(outcome).toBe(`reauthentication_required:${name}`);
    },
  );
});
