import { describe, expect, it } from "vitest";
import { SERVERLESS_VARIABLES, serverlessVariable } from "../../src/core/serverless-hosts.ts";

describe("a serverless host", () => {
  it.each(SERVERLESS_VARIABLES)("is known by %s, which is named", (name) => {
    expect(serverlessVariable({ PATH: "/bin", [name]: "1" })).toBe(name);
  });

  it("is not known by a variable that is empty, nor by others", () => {
    const empty = Object.fromEntries(SERVERLESS_VARIABLES.map((name) => [name, ""]));

    expect(serverlessVariable(empty)).toBeUndefined();
    expect(serverlessVariable({ CI: "true", NODE_ENV: "production", PORT: "3000" })).toBeUndefined();
  });
});
