/**
 * What both versions have to do where sessions are rows of an adapter: one suite, which a test file runs around its
 * version of NextAuth.
 */
import { describeWithPostgres } from "../../stores/support/postgres-tests.ts";
import type { DatabaseVersion } from "./database-app.ts";
import { describeDatabaseReads } from "./database-reads.ts";
import { describeDatabaseSignIns } from "./database-sign-ins.ts";

/** Runs the suite. */
export function describeDatabaseSessions(version: DatabaseVersion): void {
  describeWithPostgres(`database sessions of ${version.name}`, (bench) => {
    describeDatabaseSignIns(bench, version);
    describeDatabaseReads(bench, version);
  });
}
