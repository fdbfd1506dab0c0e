/** An app that forgot `wrapAuth`: everything seems to work, so somebody has to say it. */
import NextAuth from "next-auth-v5";
import { describe, expect, it } from "vitest";
import { Browser } from "../next-auth/support/browser.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import { createWorld } from "./support/world.ts";

describe("a route that is not wrapped", () => {
  it("is told of at the first sign-in, once, with what to do; a wrapped one is not", async () => {
    const said = captureConsole();
    const world = await createWorld();
    await world.browser().signIn("alice");
    expect(said.own()).toEqual([]);

    const { handlers } = NextAuth(world.authConfig);
    const handler = (request: Request): unknown =>
      handlers[request.method === "POST" ? "POST" : "GET"](request);
    for (const name of ["alice", "bob"])
      await new Browser(handler, "app", { "x-auth-return-redirect": "1" }).signIn(name);

    expect(said.own()).toHaveLength(1);
    expect(said.own()[0]).toContain("not wrapped");
    expect(said.own()[0]).toContain("wrapAuth(NextAuth(authConfig))");
  });
});
