/** What the installed Next does that nolapse relies on. Each test names the files that do. */
import { createRequire } from "node:module";
import { describe, expect, it, onTestFinished } from "vitest";
import { NextRequest, inNextRequest } from "../../next-auth/support/next-scope.ts";

const require = createRequire(import.meta.url);

interface CookieJar {
  get(name: string): { value: string } | undefined;
  getAll(): { name: string; value: string }[];
  set(name: string, value: string): void;
}
interface HeadersModule {
  headers(): Promise<Headers>;
  cookies(): Promise<CookieJar>;
}

async function headersModule(): Promise<HeadersModule> {
  const module = (await import("next/headers.js")) as unknown as HeadersModule & { default: HeadersModule };
  return typeof module.headers === "function" ? module : module.default;
}

const request = (): Request =>
  new NextRequest("http://localhost:3000/page", { headers: { cookie: "a=1; b=2", "x-own": "value" } });

describe("next/headers.js, imported with the extension", () => {
  it.each(["server component", "route handler"] as const)(
    "gives the headers and cookies of the request that a %s answers (src/adapter/next-modules.ts)",
    async (place) => {
      const { headers, cookies } = await headersModule();
      const [given, jar] = await inNextRequest(
        place,
        request(),
        async () => [await headers(), await cookies()] as const,
      );

      expect(given.get("x-own")).toBe("value");
      expect(jar.getAll()).toMatchObject([
        { name: "a", value: "1" },
        { name: "b", value: "2" },
      ]);
    },
  );

  it("shows in cookies() what this request has set, and in headers() what came (src/adapter/next-modules.ts)", async () => {
    const { headers, cookies } = await headersModule();
    await inNextRequest("route handler", request(), async () => {
      (await cookies()).set("a", "new");

      expect((await cookies()).get("a")?.value).toBe("new");
      expect((await headers()).get("cookie")).toContain("a=1");
    });
  });

  it("throws outside a request (src/adapter/next-modules.ts)", async () => {
    const { headers } = await headersModule();

    await expect(async () => headers()).rejects.toThrow("outside a request scope");
  });
});

describe("after() of next/server.js", () => {
  it("takes a promise within a request, and throws outside one (src/adapter/next-modules.ts, src/adapter/background.ts)", async () => {
    const module = (await import("next/server.js")) as unknown as {
      after?: (task: unknown) => void;
      default?: { after: (task: unknown) => void };
    };
    const after = module.after ?? module.default!.after;
    const handed: unknown[] = [];
    const task = Promise.resolve();
    inNextRequest("route handler", request(), () => after(task), handed);

    expect(handed).toEqual([task]);
    expect(() => after(task)).toThrow("outside a request scope");
  });
});

describe("what a platform offers to Next", () => {
  it("is found under the symbol @next/request-context (src/adapter/next-modules.ts)", () => {
    const { getBuiltinRequestContext } = require("next/dist/server/after/builtin-request-context.js") as {
      getBuiltinRequestContext: () => unknown;
    };
    const context = { waitUntil: () => undefined };
    const holder = globalThis as unknown as Record<symbol, unknown>;
    const symbol = Symbol.for("@next/request-context");
    const before = holder[symbol];
    onTestFinished(() => void (holder[symbol] = before));
    holder[symbol] = { get: () => context };

    expect(getBuiltinRequestContext()).toBe(context);
  });
});

describe("what redirect() of next/navigation throws", () => {
  it("says in its digest how, where to and with which status, in this order (src/adapter/rp-initiated-logout.ts)", () => {
    const { redirect } = require("next/navigation.js") as { redirect: (url: string) => never };
    const thrown = (): unknown => {
      try {
        return redirect("https://as.example/logout?a=1;2");
      } catch (error) {
        return error;
      }
    };

    expect(thrown()).toMatchObject({
      digest: expect.stringMatching(
        /^NEXT_REDIRECT;(?:push|replace);https:\/\/as\.example\/logout\?a=1;2;30[378];$/,
      ) as string,
    });
  });
});

describe("of two cookies with one name", () => {
  it("the last stands in the App Router (src/adapter/cookie-header.ts)", () => {
    const twice = new NextRequest("http://localhost:3000", { headers: { cookie: "a=first; a=last" } });

    expect(twice.cookies.get("a")?.value).toBe("last");
  });

  it("the first stands in the Pages Router (src/adapter/cookie-header.ts)", () => {
    const { getCookieParser } = require("next/dist/server/api-utils/get-cookie-parser.js") as {
      getCookieParser: (headers: object) => () => Record<string, string>;
    };

    expect(getCookieParser({ cookie: "a=first; a=last" })()).toMatchObject({ a: "first" });
  });
});

describe("the names by which Next tells what it is doing", () => {
  it("are phase-production-build in NEXT_PHASE (src/adapter/check.ts, src/stores/refuse-serverless.ts)", () => {
    const { PHASE_PRODUCTION_BUILD } = require("next/constants.js") as Record<string, string>;

    expect(PHASE_PRODUCTION_BUILD).toBe("phase-production-build");
  });

  it("are the header next-router-prefetch for a prefetch (src/adapter/request-source.ts)", () => {
    const { NEXT_ROUTER_PREFETCH_HEADER } =
      require("next/dist/client/components/app-router-headers.js") as Record<string, string>;

    expect(NEXT_ROUTER_PREFETCH_HEADER).toBe("next-router-prefetch");
  });
});
