/**
 * What runs in a real tab while a test looks at it. Each is sent to the browser as text, so it may use nothing from outside
 * itself.
 */

/** What of a page's live session the scripts use: `LiveSession` of `nolapse/react`. */
interface Live {
  update(data: unknown): Promise<unknown>;
  readonly scheduler: {
    readonly peer: {
      latest(): { readonly accessTokenExpires?: number } | null;
      state(): {
        readonly failures: number;
        readonly askInMs: number;
        readonly spareMs: number;
        readonly answeredAt: { readonly monotonicMs: number };
      };
    };
  };
}

interface Fiber {
  readonly return: Fiber | null;
  readonly memoizedProps: { readonly value?: Partial<Live> } | null;
}

type TestWindow = typeof globalThis & {
  testLive?: Live;
  testUpdated?: string;
  testShown: string[];
  testHeard: Record<string, unknown>[];
  testPersisted?: boolean;
  testSleep: { wallMs: number };
};

/** What a tab knows of its token. */
export interface Known {
  readonly expires: number;
  readonly failures: number;
  readonly leftMs: number;
}

/**
 * Keeps the page's live session for the scripts below, found where React keeps the value that nolapse's provider gives to what
 * is below it: no part of a page shows it, as a renewal renders nothing. Returns whether there is one.
 */
export function keepLive(): boolean {
  const page = globalThis as TestWindow;
  const user = document.querySelector('[data-testid="user"]') as unknown as Record<string, Fiber> | null;
  const name = Object.keys(user ?? {}).find((key) => key.startsWith("__reactFiber"));
  let fiber: Fiber | null | undefined = name === undefined ? undefined : user?.[name];
  while (fiber && !fiber.memoizedProps?.value?.scheduler) fiber = fiber.return;
  if (fiber) page.testLive = fiber.memoizedProps?.value as Live;
  return page.testLive !== undefined;
}

/** What the tab's own scheduler knows. After {@link keepLive}. */
export function knownOfToken(): Known | undefined {
  const peer = (globalThis as TestWindow).testLive?.scheduler.peer;
  if (!peer) return undefined;
  const { failures, askInMs, spareMs, answeredAt } = peer.state();
  return {
    expires: peer.latest()?.accessTokenExpires ?? 0,
    failures,
    leftMs: askInMs + spareMs - (performance.now() - answeredAt.monotonicMs),
  };
}

/** Calls `update()` as a component does, and waits for nothing. After {@link keepLive}. */
export function callUpdate(): void {
  const page = globalThis as TestWindow;
  page.testUpdated = "under way";
  void page.testLive?.update({}).then((session) => (page.testUpdated = JSON.stringify(session)));
}

/** What {@link callUpdate} was told, as JSON; `undefined` where it was not called. */
export function updated(): string | undefined {
  return (globalThis as TestWindow).testUpdated;
}

/** Tells the other tabs, as next-auth does in both of its versions, that the session may be another one. */
export function announce(): void {
  const message = { event: "session", data: { trigger: "getSession" } };
  localStorage.setItem("nextauth.message", JSON.stringify({ ...message, timestamp: Date.now() / 1_000 }));
  const channel = new BroadcastChannel("next-auth");
  channel.postMessage(message);
  channel.close();
}

/** Who is shown as signed in. */
export function shownUser(): string | null | undefined {
  return document.querySelector('[data-testid="user"]')?.getAttribute("aria-label");
}

/** Notes from now on who is shown, however shortly: `nobody` where the page offers to sign in. */
export function noteUsers(): void {
  const page = globalThis as TestWindow;
  page.testShown = [];
  const look = (): void => {
    const user = document.querySelector('[data-testid="user"]')?.getAttribute("aria-label");
    page.testShown.push(
      user ?? (document.querySelector('[data-testid="sign-in"]') ? "nobody" : "neither user nor sign-in"),
    );
  };
  look();
  new MutationObserver(look).observe(document.documentElement, {
    subtree: true,
    childList: true,
    attributes: true,
  });
}

/** Whom {@link noteUsers} saw, each once. */
export function notedUsers(): string[] {
  return [...new Set((globalThis as TestWindow).testShown)];
}

/** Signs out by the menu of the page. */
export function clickSignOut(): void {
  document.querySelector<HTMLElement>('[data-testid="user"]')?.click();
  const press = (): void => {
    const button = document.querySelector<HTMLElement>('[data-testid="sign-out"]');
    if (button) button.click();
    else setTimeout(press, 50);
  };
  press();
}

/** Whether the page offers to sign in. */
export function isSignedOut(): boolean {
  return document.querySelector('[data-testid="sign-in"]') !== null;
}

/** Whether the app's route has a good token for whom the browser's cookie names. */
export async function ordersAnswered(): Promise<boolean> {
  const response = await fetch("/api/orders", { cache: "no-store" });
  const { ok, tokenLeftMs } = (await response.json()) as { ok: boolean; tokenLeftMs?: number };
  return ok && (tokenLeftMs ?? 0) > 0;
}

/** As a machine that wakes: the clock of a page that `canSleep` is so much later, and every event of waking comes at once. */
export function sleepFor(durationMs: number): void {
  (globalThis as TestWindow).testSleep.wallMs += durationMs;
  for (const name of ["visibilitychange", "focus", "online", "pageshow"])
    (name === "visibilitychange" ? document : globalThis).dispatchEvent(new Event(name));
}

/** As somebody who sets the machine's clock: the wall clock jumps, the monotonic one goes on, and no event tells of it. */
export function setClock(byMs: number): void {
  const now = Date.now.bind(Date);
  Date.now = () => now() + byMs;
}

/** As a window that somebody comes back to. */
export function focusWindow(): void {
  dispatchEvent(new Event("focus"));
}

/** Notes whether the page comes out of the back/forward cache. */
export function notePageshow(): void {
  addEventListener("pageshow", ({ persisted }) => Object.assign(globalThis, { testPersisted: persisted }));
}

/** Whether {@link notePageshow} saw it. */
export function wasPersisted(): boolean {
  return (globalThis as TestWindow).testPersisted === true;
}

/** Keeps what other tabs say in nolapse's channel. */
export function listen(): void {
  const page = globalThis as TestWindow;
  page.testHeard = [];
  new BroadcastChannel("nolapse /api/auth/session").onmessage = ({ data }) =>
    page.testHeard.push(data as Record<string, unknown>);
}

/** Each message's kind, and of all else in it what it is: the way out of the page knows no `Infinity`. After {@link listen}. */
export function heard(): string[] {
  return (globalThis as TestWindow).testHeard.map((message) =>
    Object.entries(message)
      .map(([name, value]) => `${name}: ${name === "kind" ? String(value) : typeof value}`)
      .join(", "),
  );
}
