/**
 * Tables of the documents name every option, code and event of the sources, and none that is not there.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { readDocument } from "../../scripts/lib/markdown.ts";
import { ROOT } from "../../scripts/lib/paths.ts";
import { withProviderTable } from "../../scripts/lib/provider-table.ts";
import { discriminantsOf, literalsOf, membersOf } from "../../scripts/lib/source-facts.ts";
import { reliancesOf, upstreamTests, withUpstreamTables } from "../../scripts/lib/upstream-table.ts";
import { REQUEST_HEADERS, RESPONSE_HEADERS } from "../../src/adapter/token-handler/headers.ts";
import { API_DEFAULTS } from "../../src/adapter/token-handler/options.ts";
import { SERVERLESS_VARIABLES } from "../../src/core/serverless-hosts.ts";

const TIMEOUT = { timeout: 60_000 };

/** The first cells of a document's tables that are code, between two headings. */
function named(path: string, from: string, to?: string): string[] {
  const text = `\n${readDocument(path).text}`;
  const start = text.indexOf(`\n${from}\n`);
  const end = to === undefined ? text.length : text.indexOf(`\n${to}\n`);
  if (start < 0 || end < start) throw new Error(`${path} has no part from "${from}" to "${to ?? "its end"}"`);
  const part = text.slice(start, end);
  return [...part.matchAll(/^\| ((?:`[\w.-]+`(?:, )?)+) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([\w.-]+)`/g)].map(([, name = ""]) => name),
  );
}

/** All sources of a folder, as one text. */
function sourcesBelow(folder: string): string {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => readFileSync(join(ROOT, folder, name), "utf8"))
    .join("\n");
}

describe("docs/configuration.md", () => {
  it("names every option of withFreshTokens, once", TIMEOUT, () => {
    const options = named("docs/configuration.md", "## Options", "### Options of one provider");

    expect(options.sort()).toEqual([...membersOf("src/adapter/options.ts", "FreshTokensOptions")].sort());
  });

  it("names every option of a provider, once", TIMEOUT, () => {
    const options = named("docs/configuration.md", "### Options of one provider", "## Environment variables");

    expect(options.sort()).toEqual([...membersOf("src/adapter/options.ts", "ProviderOptions")].sort());
  });

  it("names every environment variable that the package reads", () => {
    const documented = named(
      "docs/configuration.md",
      "## Environment variables",
      "## What NextAuth documents, and what nolapse does with it",
    );

    expect(documented).toEqual(
      expect.arrayContaining([
        "NOLAPSE_SECRET",
        "NEXTAUTH_SECRET",
        "AUTH_SECRET",
        "NEXTAUTH_URL",
        "VERCEL",
        "AUTH_TRUST_HOST",
      ]),
    );
    const rooms = ["adapter", "authjs", "next-auth", "react", "stores"].map((room) =>
      sourcesBelow(`src/${room}`),
    );
    const read = rooms.flatMap((text) =>
      [...text.matchAll(/env(?:\.|\[")([A-Z][A-Z_\d]{2,})/g)].map(([, name = ""]) => name),
    );
    expect(read).toEqual(
      expect.arrayContaining(["AUTH_URL", "AUTH_SECRET_3", "NEXT_PHASE", "NOLAPSE_SECRET"]),
    );
    expect(documented).toEqual(expect.arrayContaining(read));
  });
});

describe("docs/configuration.md on Auth.js v5", () => {
  it("names everything that nolapse reads of its configuration", TIMEOUT, () => {
    const named5 = named("docs/configuration.md", "## Auth.js v5").map((name) => name.split(".")[0]);

    expect(named5).toEqual(expect.arrayContaining([...membersOf("src/authjs/config.ts", "ConfigLike")]));
  });

  it("names what it reads of the environment with the version that reads it", () => {
    const { rows } = readDocument("docs/configuration.md");
    const variables = [...sourcesBelow("src/authjs").matchAll(/env\["(AUTH_[A-Z_\d]+)"/g)].map(
      ([, name = ""]) => name,
    );

    expect(new Set(variables).size).toBeGreaterThan(5);
    for (const name of new Set(variables)) {
      const said = rows.find(([first = ""]) => first.includes(`\`${name}\``))?.join(" ") ?? "";
      expect(said, name).toMatch(/v5/);
    }
  });
});

describe("the pages of stores", () => {
  it("name every option of both", TIMEOUT, () => {
    const { text } = readDocument("docs/stores.md");
    const options = [
      ...membersOf("src/stores/sqlite.ts", "SqliteStoreOptions"),
      ...membersOf("src/stores/memory.ts", "MemoryStoreOptions"),
    ];

    expect(options.filter((name) => !text.includes(`\`${name}`))).toEqual([]);
  });

  it("name every method of the port", TIMEOUT, () => {
    const { text } = readDocument("docs/stores.md");
    const methods = membersOf("src/core/grant-store.ts", "GrantStore").filter((name) => name !== "kind");

    expect(text).toContain(`${methods.length} methods`);
  });
});

describe("docs/errors.md", () => {
  it("names every code of an error, as docs/getting-the-token.md does", TIMEOUT, () => {
    const codes = [...literalsOf("src/core/errors.ts", "TokenErrorCode")].sort();

    expect(named("docs/errors.md", "# Errors", "## Why a grant ended").sort()).toEqual(codes);
    expect(
      named("docs/getting-the-token.md", "## When there is no token", "## Calling an API").sort(),
    ).toEqual(codes);
  });

  it("names every reason for which a grant ends", TIMEOUT, () => {
    const reasons = named("docs/errors.md", "## Why a grant ended", "## What `causeCode` says");

    expect(reasons.sort()).toEqual([...literalsOf("src/core/errors.ts", "ReauthenticationReason")].sort());
  });
});

describe("docs/browser-calls.md", () => {
  it("names every option of a token handler and of its APIs", TIMEOUT, () => {
    const options = named("docs/browser-calls.md", "## Options", "## Who may call");

    expect(options.sort()).toEqual(
      [
        ...membersOf("src/adapter/token-handler/options.ts", "TokenHandlerOptions"),
        ...membersOf("src/adapter/token-handler/options.ts", "TokenHandlerApi"),
      ].sort(),
    );
  });

  it("gives their defaults, in milliseconds and bytes", () => {
    const { rows } = readDocument("docs/browser-calls.md");

    expect(Object.keys(API_DEFAULTS).length).toBeGreaterThan(5);
    for (const [name, value] of Object.entries(API_DEFAULTS)) {
      const said = rows.find(([first]) => first === `\`${name}\``)?.[1] ?? "";
      expect(Number(said.replace(/[`_]/g, "")), name).toBe(value);
    }
  });

  it("names every header that passes by itself", () => {
    const { rows } = readDocument("docs/browser-calls.md");
    const listed = rows
      .map(([first = ""]) => [...first.matchAll(/`([\w-]+)`/g)].map(([, name = ""]) => name))
      .filter(([first]) => first === "accept" || first === "content-type");

    expect(listed.map((names) => names.sort())).toEqual([
      [...REQUEST_HEADERS].sort(),
      [...RESPONSE_HEADERS, "content-length"].sort(),
    ]);
  });
});

describe("docs/errors.md on the token handler", () => {
  it("names every code of its answers", TIMEOUT, () => {
    const codes = named("docs/errors.md", "## What the token handler answers", "## In the log");

    expect(codes.sort()).toEqual(
      [...literalsOf("src/adapter/token-handler/answers.ts", "TokenHandlerErrorCode")].sort(),
    );
  });
});

describe("what docs/errors.md quotes", () => {
  const sources = sourcesBelow("src");
  const rowsBetween = (from: string, to?: string): string[] => {
    const text = readDocument("docs/errors.md").text;
    const part = text.slice(text.indexOf(from), to === undefined ? undefined : text.indexOf(to));
    return [...part.matchAll(/^\| (.+?) \| .+ \|$/gm)].map(([, first = ""]) => first).slice(1);
  };

  it("are codes that the sources give", () => {
    const codes = rowsBetween("## What `causeCode` says", "## What the token handler answers").flatMap(
      (cell) => [...cell.matchAll(/`([\w.]+)`/g)].map(([, code = ""]) => code.replace(/_\d{3}$/, "_")),
    );

    expect(codes.length).toBeGreaterThan(20);
    const unknown = codes.filter(
      (code) =>
        !new RegExp(`["\`]${code}(?:["\`]|\\$)`, "i").test(sources) && !sources.includes(`\`${code}$`),
    );
    expect(unknown).toEqual([]);
  });

  it("are lines that the sources log", () => {
    const lines = rowsBetween("## In the log").filter((line) => !/^-+$/.test(line));

    expect(lines.length).toBeGreaterThan(5);
    const unknown = lines.flatMap((line) => line.split(/"?…"?|\(…\)|\(/)).map((part) => part.trim());
    expect(unknown.filter((part) => part.length > 3 && !sources.includes(part))).toEqual([]);
  });
});

describe("docs/deployment.md and docs/configuration.md", () => {
  it("name the variables by which a serverless host is known", () => {
    for (const path of ["docs/deployment.md", "docs/configuration.md"]) {
      const { text } = readDocument(path);
      expect(
        SERVERLESS_VARIABLES.filter((name) => !text.includes(`\`${name}\``)),
        path,
      ).toEqual([]);
    }
  });
});

describe("docs/events.md", () => {
  it("names every event and all of its members (SEC-85)", TIMEOUT, () => {
    const events = discriminantsOf("src/core/events.ts", "TokenEvent", "type");
    const { rows } = readDocument("docs/events.md");

    expect(named("docs/events.md", "# Events").sort()).toEqual([...events.keys()].sort());
    for (const [type, members] of events) {
      expect(members, `${type} has what every event has`).toEqual(
        expect.arrayContaining(["atMs", "grantRef", "provider"]),
      );
      const said = rows.find(([first]) => first === `\`${type}\``)?.join(" ") ?? "";
      const own = members.filter((name) => !["type", "atMs", "grantRef", "provider"].includes(name));
      expect(
        own.filter((name) => !said.includes(`\`${name}\``)),
        `${type} in docs/events.md`,
      ).toEqual([]);
    }
  });
});

describe("docs/outcomes.md", () => {
  it("names every class of an outcome", TIMEOUT, () => {
    const { text } = readDocument("docs/outcomes.md");
    const classes = [...discriminantsOf("src/core/refresher.ts", "RefreshOutcome", "kind").keys()];

    expect(classes.length).toBe(7);
    expect(classes.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});

describe("docs/providers.md", () => {
  it("has the table of today's profiles", () => {
    const page = readFileSync(join(ROOT, "docs/providers.md"), "utf8");

    expect(page, "run: node scripts/check-docs.ts --write").toBe(withProviderTable(page));
  });
});

describe("docs/upstream.md", () => {
  it("has a row for each test in test/upstream, as it is called", () => {
    const page = readFileSync(join(ROOT, "docs/upstream.md"), "utf8");

    expect(page, "run: node scripts/check-docs.ts --write").toBe(withUpstreamTables(page));
  });

  it("says for each behaviour which files rely on it", () => {
    const silent = upstreamTests().flatMap((path) =>
      reliancesOf(path)
        .filter(({ files }) => files.length === 0)
        .map(({ behaviour }) => `${path}: ${behaviour}`),
    );

    expect(upstreamTests().length).toBeGreaterThan(5);
    expect(silent).toEqual([]);
  });

  it("names the versions that are installed", () => {
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      devDependencies: Readonly<Record<string, string>>;
    };
    const { text } = readDocument("docs/upstream.md");

    for (const name of ["next-auth", "next-auth-v5", "next"]) {
      expect(text).toContain(devDependencies[name]?.replace("npm:next-auth@", ""));
    }
  });

  it("is made of what the tests are called, what they are repeated for left open", () => {
    const code = `describe.each(X)("a %s read", () => {
      it.each(Y)("calls %s (src/a.ts, docs/b.md)", () => {});
      it("says nothing", () => {});
    });`;

    expect(reliancesOf("x.test.ts", code)).toEqual([
      { behaviour: "a … read calls …", files: ["src/a.ts", "docs/b.md"] },
      { behaviour: "a … read says nothing", files: [] },
    ]);
  });
});

describe("README.md", () => {
  it("lists every entry point of the package, and no other", () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { exports: object };
    const entries = Object.keys(exports)
      .filter((entry) => entry !== "./package.json")
      .map((entry) => entry.replace("./", "nolapse/"));

    const listed = readDocument("README.md")
      .rows.map(([first = ""]) => /^`(nolapse\/[\w/-]+)`$/.exec(first)?.[1])
      .filter((entry) => entry !== undefined);
    expect(listed.sort()).toEqual(entries.sort());
  });

  it("uses nolapse in fewer than 15 lines", () => {
    const auth = readDocument("README.md").blocks.find(({ title }) => title === "auth.ts");

    expect(auth?.code.split("\n").length).toBeLessThan(15);
  });
});
