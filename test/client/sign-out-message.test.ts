import { describe, expect, it } from "vitest";
import { followSignOut } from "../../src/client/sign-out-message.ts";

describe("a message that somebody signed out", () => {
  /** The last message of a sign-out, as `last` gives it. */
  function follow(before?: string) {
    let said = before;
    return { ...followSignOut(() => said), say: (message: string | undefined) => (said = message) };
  }

  it("is new until a session is known (I13)", () => {
    const { isNew, settle, say } = follow();
    expect(isNew()).toBe(false);
    say("first");
    expect([isNew(), isNew()]).toEqual([true, true]);
    settle();
    expect(isNew()).toBe(false);
    say("second");
    expect(isNew()).toBe(true);
  });

  it("is not, where it was there before the page (I13)", () => {
    expect(follow("first").isNew()).toBe(false);
  });

  it("is none, once something else was said after it (I13)", () => {
    const { isNew, say } = follow();
    say("first");
    say(undefined);
    expect(isNew()).toBe(false);
  });
});
