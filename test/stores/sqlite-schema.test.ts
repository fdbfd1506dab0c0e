import { describe, expect, it, vi } from "vitest";

import type { Connection, Row } from "../../src/stores/sqlite-connection.ts";
import { applyMigrations, refuseForeignFile } from "../../src/stores/sqlite-schema.ts";

const NOLAPSE = 0x6e6c7073;

/** A file that answers each kind of question in turn, as it looks while another process writes to it. */
function changingFile(answers: Readonly<Record<string, readonly Row[]>>): Connection {
  const asked = new Map<string, number>();
  return {
    path: "/x",
    rows: (sql) => {
      const [about = ""] = Object.keys(answers).filter((name) => sql.includes(name));
      const turn = asked.get(about) ?? 0;
      asked.set(about, turn + 1);
      const all = answers[about] ?? [];
      return [all[Math.min(turn, all.length - 1)] ?? {}];
    },
    changes: vi.fn(() => 0),
    transaction: (step) => step(),
  };
}

describe("a new SQLite file that another process opens at the same time", () => {
  it("is not taken for somebody else's when its tables come between two looks", () => {
    const ours = { application_id: [{ application_id: 0 }, { application_id: NOLAPSE }] };
    const theirs = { application_id: [{ application_id: 0 }] };
    const tables = { sqlite_schema: [{ name: "grants" }] };

    expect(() => refuseForeignFile(changingFile({ ...ours, ...tables }))).not.toThrow();
    expect(() => refuseForeignFile(changingFile({ ...theirs, ...tables }))).toThrow(/of something else/);
  });

  it("is not touched where a newer release has migrated it between two looks (X18)", () => {
    const file = changingFile({ user_version: [{ user_version: 0 }, { user_version: 99 }] });

    expect(() => applyMigrations(file)).toThrow(/schema 99; this release knows 1/);

    expect(file.changes).not.toHaveBeenCalled();
  });
});
