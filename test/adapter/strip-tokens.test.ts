import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stripTokens } from "../../src/adapter/strip-tokens.ts";

const ACCESS = "at-4f8Qm2Zx7Lw0";
const REFRESH = "rt-9kVd3Nc6Ty1Bq";
const TOKENS = [ACCESS, REFRESH, undefined];

describe("stripTokens", () => {
  it("takes tokens out by value under any name, and tells their paths", () => {
    const jwt = {
      sub: "alice",
      at: ACCESS,
      account: { refresh_token: REFRESH, scope: "openid" },
      list: ["x", ACCESS],
    };

    const { value, paths } = stripTokens(jwt, TOKENS);

    expect(value).toEqual({ sub: "alice", account: { scope: "openid" }, list: ["x"] });
    expect(paths).toEqual(["at", "account.refresh_token", "list.1"]);
    expect(jwt.account.refresh_token, "the application's own object").toBe(REFRESH);
  });

  it("takes out a text that contains a token, such as a header or JSON", () => {
    const { value } = stripTokens(
      { header: `Bearer ${ACCESS}`, json: JSON.stringify({ t: REFRESH }), n: 1 },
      TOKENS,
    );

    expect(value).toEqual({ n: 1 });
  });

  it("finds the token in an object that is there twice", () => {
    const account = { access_token: ACCESS, id: "a" };

    const { value, paths } = stripTokens({ first: account, second: account }, TOKENS);

    expect(value).toEqual({ first: { id: "a" }, second: { id: "a" } });
    expect(paths).toEqual(["first.access_token"]);
  });

  it("finds the token in an instance of a class, such as openid-client's TokenSet", () => {
    class TokenSet {
      readonly access_token = ACCESS;
      readonly scope = "openid";
    }

    const { value } = stripTokens({ user: { tokens: new TokenSet() } }, TOKENS);

    expect(JSON.stringify(value)).toBe('{"user":{"tokens":{"scope":"openid"}}}');
  });

  it("finds the token in what an object says of itself by toJSON", () => {
    const model = { toJSON: () => ({ refreshToken: REFRESH, id: 7 }) };

    expect(JSON.stringify(stripTokens({ model }, TOKENS).value)).toBe('{"model":{"id":7}}');
  });

  it("finds a token that is a member's name", () => {
    expect(stripTokens({ byToken: { [ACCESS]: true, b: 1 } }, TOKENS).value).toEqual({ byToken: { b: 1 } });
  });

  it("leaves dates, numbers and everything without a token as they are", () => {
    const at = new Date(0);
    const jwt = { at, count: 3, none: null, missing: undefined, nested: { deep: [1, { x: "y" }] } };

    const { value, paths } = stripTokens(jwt, TOKENS);

    expect(value).toEqual(jwt);
    expect(value.at).toBe(at);
    expect(paths).toEqual([]);
  });

  it("does not take short values for tokens, and ends with a cycle", () => {
    const cycle: Record<string, unknown> = { code: "abc", token: ACCESS };
    cycle["self"] = cycle;

    const { value } = stripTokens(cycle, ["abc", ACCESS]);

    expect(value["code"]).toBe("abc");
    expect(value).not.toHaveProperty("token");
    expect((value["self"] as object) === value || value["self"] === undefined).toBe(true);
  });

  it("leaves no token behind at any depth, wherever it is (SEC-01)", () => {
    const leaf = fc.oneof(fc.constantFrom(ACCESS, `x ${REFRESH} y`, "plain", 1, true, null), fc.string());
    const deep = fc.nat(60).map((depth) => {
      let item: unknown = { t: ACCESS };
      for (let level = 0; level < depth; level++) item = level % 2 ? [item, REFRESH] : { item };
      return item;
    });
    const anything = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: "small" },
        leaf,
        deep,
        fc.array(tie("node")),
        fc.dictionary(fc.string(), tie("node")),
      ),
    })).node;

    fc.assert(
      fc.property(fc.dictionary(fc.string(), anything), (jwt) => {
        const left = JSON.stringify(stripTokens(jwt, TOKENS).value);
        expect(left.includes(ACCESS) || left.includes(REFRESH)).toBe(false);
      }),
    );
  });
});
