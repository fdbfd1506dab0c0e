/** What the installed next-auth does at a sign-out, in both versions. See `support/installed.ts`. */
import { describe, expect, it } from "vitest";
import { captureConsole } from "../next-auth/support/console.ts";
import { SESSION_COOKIE, signedIn } from "./support/installed.ts";

describe("a sign-out by the route", () => {
  it("tells events.signOut the decoded JWT, calls no callback, and deletes the cookie (src/adapter/wrapped-events.ts)", async () => {
    const { seen, alice } = await signedIn({ jwt: ({ token }) => ({ own: "value", ...(token as object) }) });
    await alice.signOut();

    expect(seen.names()).toEqual(["jwt.decode", "events.signOut"]);
    expect(seen.last("events.signOut").params.token).toMatchObject({ name: "alice", own: "value" });
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
  });

  it("waits for the listener, and lets none of its errors through (src/adapter/wrapped-events.ts)", async () => {
    captureConsole();
    let told = false;
    const { alice } = await signedIn({
      events: {
        signOut: () =>
          new Promise((_resolve, reject) =>
            setTimeout(() => {
              told = true;
              reject(new Error("of the application"));
            }, 20),
          ),
      },
    });
    await alice.signOut();

    expect(told).toBe(true);
    expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
  });

  it("answers in JSON with url, the address to go to (src/adapter/rp-initiated-logout.ts)", async () => {
    const { alice } = await signedIn();
    const answer = await alice.signOut();

    expect(answer.headers.get("content-type")).toContain("application/json");
    expect(answer.json()).toEqual({ url: "http://localhost:3000/" });
  });

  it("tells nobody where there is no cookie (docs/guarantees.md)", async () => {
    const { seen, app } = await signedIn();
    await app.browser().signOut();

    expect(seen.names()).toEqual([]);
  });
});
