/** What the installed next-auth does when a session is read, in both versions. See `support/installed.ts`. */
import { describe, expect, it } from "vitest";
import type { Answer } from "../next-auth/support/browser.ts";
import { pass } from "../next-auth/support/app-parts.ts";
import { captureConsole } from "../next-auth/support/console.ts";
import { FORMS, NOBODY, SESSION_COOKIE, signedIn } from "./support/installed.ts";

describe.each(FORMS)("a session read by the route of the %s router", () => {
  it("decodes, calls jwt, then session, encodes, and tells events.session last (src/adapter/callbacks.ts, src/adapter/wrap-handler.ts)", async () => {
    const { seen, alice } = await signedIn();
    await alice.session();

    expect(seen.names()).toEqual(["jwt.decode", "jwt", "session", "jwt.encode", "events.session"]);
  });

  it("hands the very object that jwt returned to session, to encode and to the event (src/adapter/callbacks.ts)", async () => {
    const { seen, alice } = await signedIn({ jwt: ({ token }) => ({ ...(token as object) }) });
    await alice.session();

    const token = seen.last("jwt").result;
    expect(seen.last("session").params.token).toBe(token);
    expect(seen.last("jwt.encode").params.token).toBe(token);
    expect(seen.last("events.session").params.token).toBe(token);
  });

  it("gives jwt all that the sign-in's jwt returned, and no account (src/adapter/claim.ts, src/adapter/callbacks.ts)", async () => {
    const { seen, alice } = await signedIn({
      jwt: ({ token }) => ({ own: { deep: ["value"] }, ...(token as object) }),
    });
    await alice.session();

    expect(seen.last("jwt").params.token).toMatchObject({ name: "alice", own: { deep: ["value"] } });
    expect(seen.last("jwt").params.account).toBeUndefined();
  });

  it("answers with what session returned (src/adapter/session-fields.ts)", async () => {
    const { alice } = await signedIn({
      session: ({ session }) => ({ ...(session as object), own: "value" }),
    });

    expect(await alice.session()).toMatchObject({ user: { name: "alice" }, own: "value" });
  });

  it("sets the cookie anew, to end session.maxAge from then (src/adapter/host.ts)", async () => {
    const { alice } = await signedIn({ options: { session: { maxAge: 7_200 } } });
    const before = alice.jar.get(SESSION_COOKIE);
    pass(60_000);
    const answer = await alice.get("session");

    expect(alice.jar.get(SESSION_COOKIE)).not.toBe(before);
    const [line = ""] = linesOf(answer);
    expect(Date.parse(/expires=([^;]+)/i.exec(line)?.[1] ?? "")).toBe(Date.now() + 7_200_000);
  });

  it("lets no error of a listener through (src/adapter/wrapped-events.ts)", async () => {
    captureConsole();
    const { alice } = await signedIn({ events: { session: fails } });

    expect(await alice.session()).toMatchObject({ user: { name: "alice" } });
    expect(alice.jar.has(SESSION_COOKIE)).toBe(true);
  });

  it("waits for a listener before it answers (src/adapter/wrapped-events.ts)", async () => {
    let told = false;
    const { alice } = await signedIn({
      events: { session: () => new Promise((resolve) => setTimeout(() => resolve((told = true)), 20)) },
    });
    await alice.session();

    expect(told).toBe(true);
  });

  it.each(["jwt", "session", "decode"])(
    "deletes the cookie where %s throws: the user is signed out (src/adapter/callbacks.ts)",
    async (name) => {
      captureConsole();
      const { alice } = await signedIn({ [name]: failsAtRead() });
      const answer = await alice.get("session");

      expect(answer.text).toBe(NOBODY);
      expect(alice.jar.has(SESSION_COOKIE)).toBe(false);
    },
  );
});

describe("update()", () => {
  it("calls jwt with the trigger and the data that the browser sent, and sets the cookie (src/adapter/callbacks.ts)", async () => {
    const { seen, alice } = await signedIn();
    const before = alice.jar.get(SESSION_COOKIE);
    pass(1_000);
    await alice.submit("session", { data: { theme: "dark" } });

    expect(seen.last("jwt").params).toMatchObject({ trigger: "update", session: { theme: "dark" } });
    expect(alice.jar.get(SESSION_COOKIE)).not.toBe(before);
  });

  it("needs a CSRF token (src/react/live-session.ts)", async () => {
    captureConsole();
    const { seen, alice } = await signedIn();
    await alice.post("session", { body: { data: { theme: "dark" } } });

    expect(seen.names()).not.toContain("jwt");
  });
});

describe("a session read in a server component", () => {
  it("calls the same callbacks, and sets no cookie (src/adapter/callbacks.ts, src/adapter/session-read.ts)", async () => {
    const { seen, app, alice } = await signedIn();
    const before = alice.jar.get(SESSION_COOKIE);
    pass(1_000);

    expect(await app.sessionInComponent(alice)).toMatchObject({ user: { name: "alice" } });
    expect(seen.names()).toEqual(["jwt.decode", "jwt", "session", "jwt.encode", "events.session"]);
    expect(alice.jar.get(SESSION_COOKIE)).toBe(before);
  });

  it("is null where a callback throws, or where there is no cookie (src/adapter/callbacks.ts)", async () => {
    captureConsole();
    const { app, alice } = await signedIn({ session: failsAtRead() });

    expect(await app.sessionInComponent(alice)).toBeNull();
    expect(await app.sessionInComponent(app.browser())).toBeNull();
  });
});

describe("a session read without a cookie", () => {
  it("calls nothing and sets no session cookie (src/client/fetch-session.ts)", async () => {
    const { seen, app } = await signedIn();
    const answer = await app.browser().get("session");

    expect([answer.status, answer.text]).toEqual([200, NOBODY]);
    expect(seen.names()).toEqual([]);
    expect(linesOf(answer)).toEqual([]);
  });
});

function linesOf({ setCookies }: Answer): string[] {
  return setCookies.filter((line) => line.startsWith(`${SESSION_COOKIE}=`));
}

function fails(): never {
  throw new Error("of the application");
}

/** Does as nothing at the sign-in, which calls `jwt` with an account and neither of the others. */
function failsAtRead(): (params: { account?: unknown; token?: unknown }) => unknown {
  return ({ account, token }) => (account ? token : fails());
}
