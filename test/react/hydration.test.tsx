/**
 * A page with parts below a `<Suspense>`, which React hydrates one after the other: the first answer comes in between, and
 * what somebody has typed meanwhile shall stand. React 19 renders such parts anew, with whatever provider.
 */
import { SessionProvider as NextAuthProvider, useSession } from "next-auth/react";
import { act, lazy, Suspense, version, type ComponentType, type ReactElement } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { SessionProvider, useTokenState } from "../../src/react/index.ts";

const PARTS = [1, 2, 3, 4];
/**
 * By React's clock: with the next part it goes on in a task of its own once one has taken longer than 5 ms. And after 120 ms it
 * no longer waits for parts to hydrate, with NextAuth's provider either, so that the machine's own clock would be one of chance.
 */
const PART_TAKES_MS = 6;

/** Read at once, before the next task. */
const ANSWER = {
  ok: true,
  status: 200,
  json: async () => ({ user: { name: "alice" }, expires: "2030-01-01T00:00:00.000Z" }),
} as Response;

const PROVIDERS: readonly (readonly [string, ComponentType<{ children: ReactElement[] }>])[] = [
  ["nolapse", SessionProvider],
  ["next-auth", NextAuthProvider],
];

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** A server's page and what hydrates it. The session is answered while the first part is hydrated. */
function openPage(Provider: ComponentType<{ children: ReactElement[] }>, Status: () => ReactElement) {
  let answer!: (response: Response) => void;
  const answered = new Promise<Response>((resolve) => (answer = resolve));
  vi.stubGlobal("fetch", () => answered);
  let nowMs = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const problems: unknown[] = [];
  let isHydrating = false;
  function Part(): ReactElement {
    if (isHydrating) answer(ANSWER);
    nowMs += PART_TAKES_MS;
    return (
      <p>
        <Status />
        <input />
      </p>
    );
  }
  const page = (
    <Provider>
      {PARTS.map((number) => (
        <Suspense key={number}>
          <Part />
        </Suspense>
      ))}
    </Provider>
  );
  const container = document.body.appendChild(document.createElement("div"));
  container.innerHTML = renderToString(page);
  return {
    container,
    problems,
    hydrate() {
      isHydrating = true;
      const onRecoverableError = (error: unknown): void => void problems.push(error);
      const root = hydrateRoot(container, page, { onRecoverableError });
      onTestFinished(() => {
        root.unmount();
        container.remove();
      });
    },
    shows: () => [...container.querySelectorAll("output")].map(({ textContent }) => textContent),
  };
}

if (version.startsWith("18."))
  describe("a part of the page that is not yet hydrated", () => {
    it.each(PROVIDERS)(
      "keeps its HTML and what was typed when the answer comes, with %s",
      async (_, Provider) => {
        const Status = (): ReactElement => <output>{useSession().status}</output>;
        const { container, hydrate, problems, shows } = openPage(Provider, Status);
        const fields = [...container.querySelectorAll("input")];
        const last = fields.at(-1)!;
        last.value = "typed";
        last.focus();
        hydrate();
        await vi.waitFor(() => expect(shows()).toEqual(PARTS.map(() => "authenticated")));

        expect(problems).toEqual([]);
        expect([...container.querySelectorAll("input")]).toEqual(fields);
        expect(document.activeElement).toBe(last);
        expect(last.value).toBe("typed");
      },
    );
  });

describe("useTokenState in a part that is not yet hydrated", () => {
  it("agrees with the server's HTML, and then with what is known (F36)", async () => {
    const Status = (): ReactElement => <output>{useTokenState().status}</output>;
    const { container, hydrate, problems, shows } = openPage(SessionProvider, Status);
    const before = [...container.querySelectorAll("output")];
    hydrate();
    await vi.waitFor(() => expect(shows()).toEqual(PARTS.map(() => "fresh")));

    expect(problems).toEqual([]);
    expect([...container.querySelectorAll("output")]).toEqual(before);
  });
});

describe.each([
  ["useTokenState", () => useTokenState().status],
  ["useSession", () => useSession().status],
] as const)("a component with %s around a part whose code has not come", (_name, read) => {
  it("keeps the part's server HTML, because nothing has changed", async () => {
    vi.stubGlobal("fetch", () => new Promise(() => undefined));
    const Field = (): ReactElement => <input />;
    let load!: () => void;
    const loaded = new Promise<void>((resolve) => (load = resolve));
    const Late = lazy(() => loaded.then(() => ({ default: Field })));
    function Shell({ Part }: { Part: ComponentType }): ReactElement {
      return (
        <main>
          <output>{read()}</output>
          <Suspense>
            <Part />
          </Suspense>
        </main>
      );
    }
    const pageWith = (Part: ComponentType): ReactElement => (
      <SessionProvider session={{ user: { name: "alice" }, expires: "2030-01-01T00:00:00.000Z" }}>
        <Shell Part={Part} />
      </SessionProvider>
    );
    const container = document.body.appendChild(document.createElement("div"));
    container.innerHTML = renderToString(pageWith(Field));
    const field = container.querySelector("input")!;
    const problems: unknown[] = [];
    const root = await act(() =>
      hydrateRoot(container, pageWith(Late), { onRecoverableError: (error) => void problems.push(error) }),
    );
    await act(async () => load());
    expect(problems).toEqual([]);
    expect(container.querySelector("input")).toBe(field);
    act(() => root.unmount());
  });
});
