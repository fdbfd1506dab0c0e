/**
 * What a page loads once it is up does not come: the network is away at that moment, or a deployment has just taken the file.
 */
import "./setup.ts";
import { render } from "@testing-library/react";
import { useSession } from "next-auth/react";
import { expect, describe, it, vi } from "vitest";
import { SessionProvider } from "../../src/react/index.ts";
import { Browser, pass } from "./browser.tsx";

const missing = vi.hoisted(() => ({ loads: 0 }));

vi.mock("../../src/react/after-load.ts", () => ({
  get afterLoad() {
    if (++missing.loads < 3) throw new Error("ChunkLoadError");
    return () => () => undefined;
  },
}));

function Page() {
  return <output>{useSession().data?.user?.name}</output>;
}

function openPage() {
  new Browser();
  return render(
    <SessionProvider>
      <Page />
    </SessionProvider>,
  );
}

describe("a page whose second file cannot be loaded", () => {
  it("tries again, 30 s apart, until it has it", async () => {
    const { unmount } = openPage();
    await pass(1_000);
    await vi.dynamicImportSettled();
    expect(missing.loads).toBe(1);
    await pass(29_500);
    expect(missing.loads).toBe(2);
    await pass(30_000);
    expect(missing.loads).toBe(3);
    await pass(300_000);
    expect(missing.loads).toBe(3);
    unmount();
  });

  it("tries no more once it is left", async () => {
    missing.loads = 0;
    const { unmount } = openPage();
    await pass(1_000);
    unmount();
    await pass(60_000);
    expect(missing.loads).toBe(1);
  });
});
