/** An app that forgot `wrapHandler`: everything seems to work, so somebody has to say it. */
import { describe, expect, it } from "vitest";
import { captureConsole } from "./support/console.ts";
import { createWorld } from "./support/world.ts";

describe("a route that is not wrapped", () => {
  it("is told of at the first sign-in, once, with what to do; a wrapped one is not", async () => {
    const said = captureConsole();
    const world = await createWorld();
    await world.browser().signIn("alice");
    expect(said.own()).toEqual([]);

    const bare = world.copy({ wrapped: false });
    for (const name of ["alice", "bob"]) await bare.browser().signIn(name);

    expect(said.own()).toHaveLength(1);
    expect(said.own()[0]).toContain("not wrapped");
    expect(said.own()[0]).toContain("wrapHandler(NextAuth(authOptions))");
  });
});
