/**
 * The table in PostgreSQL, how it is named, and how it is made. All of a migration is one statement, so that it is one
 * transaction over any client and through any pooler.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";

/** Where the grants are. */
export interface PostgresPlace {
  /** The schema. Letters, digits and underscores, at most 50; case counts. @defaultValue `nolapse` */
  readonly schema?: string;
  /** The table in it, by the same rule. Another of this name with `_migrations` behind it is beside it. @defaultValue `grants` */
  readonly table?: string;
}

/** The names of a {@link PostgresPlace}, quoted for SQL. */
export interface PostgresNames {
  /** Such as `"nolapse"`. */
  readonly schema: string;
  /** Such as `"nolapse"."grants"`. */
  readonly grants: string;
  /** Such as `"nolapse"."grants_migrations"`. */
  readonly migrations: string;
  /** The quoted name of one of the table's indexes, such as `"grants_by_session"`. */
  readonly index: (by: string) => string;
}

/** PostgreSQL cuts names above 63 bytes; what comes behind ours takes up to 11. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,49}$/;

/**
 * Checks the names: they become part of every statement, and nothing binds them as values.
 *
 * @throws {@link InvalidOptionError} for a name of anything but letters, digits and underscores, and for a schema of
 *   PostgreSQL itself.
 */
export function postgresNames({ schema = "nolapse", table = "grants" }: PostgresPlace): PostgresNames {
  for (const [option, name] of [
    ["schema", schema],
    ["table", table],
  ] as const) {
    if (typeof name === "string" && IDENTIFIER.test(name)) continue;
    throw new InvalidOptionError(option, "must be 1 to 50 letters, digits and underscores, no digit first");
  }
  if (/^(pg_|information_schema$)/i.test(schema)) {
    throw new InvalidOptionError("schema", `is PostgreSQL's own: ${schema}. Use another, such as nolapse`);
  }
  return {
    schema: `"${schema}"`,
    grants: `"${schema}"."${table}"`,
    migrations: `"${schema}"."${table}_migrations"`,
    index: (by) => `"${table}_by_${by}"`,
  };
}

/** The version of the table that this release makes. */
export const POSTGRES_SCHEMA_VERSION = 1;

/** Each entry takes the table one version further. Never change one that was released: append, and only add. */
function migrations({ grants, index }: PostgresNames): readonly string[] {
  return [
    `CREATE TABLE ${grants} (
      id text COLLATE "C" PRIMARY KEY,
      format integer NOT NULL,
      version bigint NOT NULL,
      session_ref text COLLATE "C" NOT NULL,
      subject_ref text COLLATE "C",
      sid_ref text COLLATE "C",
      provider text NOT NULL,
      issuer text NOT NULL,
      client_id text NOT NULL,
      sealed_token_set text NOT NULL,
      key_id text NOT NULL,
      access_token_issued_at_ms bigint NOT NULL,
      access_token_expires_at_ms bigint,
      refresh_token_expires_at_ms bigint,
      refreshable boolean NOT NULL,
      created_at_ms bigint NOT NULL,
      absolute_end_ms bigint NOT NULL,
      sliding_end_ms bigint NOT NULL CHECK (sliding_end_ms <= absolute_end_ms),
      state text NOT NULL CHECK (state IN ('live', 'ended')),
      end_reason text CHECK ((end_reason IS NULL) = (state = 'live')),
      ended_at_ms bigint CHECK ((ended_at_ms IS NULL) = (state = 'live')),
      fence bigint NOT NULL,
      lease_holder text,
      lease_until_ms bigint CHECK ((lease_until_ms IS NULL) = (lease_holder IS NULL)),
      intent_attempt_id text,
      intent_holder text,
      intent_parent_version bigint,
      intent_fence bigint,
      intent_started_at_ms bigint,
      intent_deadline_at_ms bigint,
      intent_outcome text CHECK (intent_outcome IN ('pending', 'unknown', 'answered')),
      backoff_failures integer,
      backoff_until_ms bigint,
      backoff_code text,
      candidates jsonb NOT NULL DEFAULT '[]'
    ) WITH (fillfactor = 70);
    -- Sealed values do not compress.
    ALTER TABLE ${grants} ALTER COLUMN sealed_token_set SET STORAGE EXTERNAL;
    CREATE INDEX ${index("session")} ON ${grants} (session_ref);
    CREATE INDEX ${index("subject")} ON ${grants} (subject_ref) WHERE subject_ref IS NOT NULL;
    CREATE INDEX ${index("sid")} ON ${grants} (sid_ref) WHERE sid_ref IS NOT NULL;
    CREATE INDEX ${index("end")} ON ${grants} (sliding_end_ms);`,
  ];
}

/**
 * The migration as SQL, for a role that may create what it names: for `psql`, or for a migration tool of your own. It
 * may run again, and several times at once: what is there is left alone, and then it needs no right but to read.
 *
 * @throws {@link InvalidOptionError} for a bad name.
 */
export function postgresMigrationSql(place: PostgresPlace = {}): string {
  const names = postgresNames(place);
  const steps = migrations(names).map(
    (statements, step) => `  IF NOT EXISTS (SELECT FROM ${names.migrations} WHERE version = ${step + 1}) THEN
    ${statements}
    INSERT INTO ${names.migrations} (version) VALUES (${step + 1});
  END IF;`,
  );
  return `DO $nolapse$
BEGIN
  IF to_regclass('${names.migrations}') IS NOT NULL THEN
    IF EXISTS (SELECT FROM ${names.migrations} WHERE version >= ${POSTGRES_SCHEMA_VERSION}) THEN
      RETURN;
    END IF;
  END IF;
  BEGIN
    IF to_regnamespace('${names.schema}') IS NULL THEN
      CREATE SCHEMA ${names.schema};
    END IF;
  EXCEPTION WHEN duplicate_schema OR unique_violation THEN
    NULL; -- Somebody else has just made it.
  END;
  BEGIN
    CREATE TABLE IF NOT EXISTS ${names.migrations} (
      version integer PRIMARY KEY,
      applied_at timestamptz NOT NULL DEFAULT now()
    );
  EXCEPTION WHEN duplicate_table OR unique_violation THEN
    NULL;
  END;
  -- One at a time from here on.
  LOCK TABLE ${names.migrations} IN SHARE ROW EXCLUSIVE MODE;
${steps.join("\n")}
END
$nolapse$;
`;
}
