/**
 * Several servers (token managers, each with a process state of its own) on one store, one authorization server, one
 * clock, and always two users, so that mixing them up shows.
 */
import type { Clock } from "../../../src/core/clock.ts";
import { isTokenError } from "../../../src/core/errors.ts";
import type { TokenEvent, TokenEventType } from "../../../src/core/events.ts";
import type { GrantStore } from "../../../src/core/grant-store.ts";
import { grantRefOf, type GrantRecord } from "../../../src/core/grant.ts";
import type { Refresher } from "../../../src/core/refresher.ts";
import { SealError, type Sealer } from "../../../src/core/sealer.ts";
import { createSharedState, type SharedState } from "../../../src/core/single-flight.ts";
import {
  createTokenManager,
  type GrantInput,
  type TokenManager,
  type TokenManagerOptions,
} from "../../../src/core/token-manager.ts";
import type { TokenSet } from "../../../src/core/token-set.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { deterministicRandom } from "../../../src/testing/random.ts";
import { ModelAuthorizationServer } from "./authorization-server.ts";
import { BreakableStore } from "./breakable-store.ts";

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

export const ALICE = "k1.alice-grant-of-session-1";
export const BOB = "k1.bob-grant-of-session-22";

export type ServerOptions = Partial<Omit<TokenManagerOptions, "store" | "clock" | "onEvent">> & {
  /** How far this server's wall clock is ahead of everybody else's. */
  readonly skewMs?: number;
};

/** One server process. */
export interface Server {
  readonly name: string;
  readonly manager: TokenManager;
  readonly store: BreakableStore;
  readonly shared: SharedState;
  /** Stops the process as SIGSTOP does: nothing it waits for comes back until `thaw`. A crash is a freeze for good. */
  freeze(): void;
  thaw(): void;
  /** The access token, or the code of the error. */
  token(id: string, ask?: Parameters<TokenManager["getAccessToken"]>[1]): Promise<string>;
}

export interface Scenario {
  readonly clock: FakeClock;
  readonly as: ModelAuthorizationServer;
  readonly store: GrantStore;
  readonly events: TokenEvent[];
  server(options?: ServerOptions): Server;
  /** Stores the grants of Alice and Bob. */
  signInBoth(): Promise<void>;
  signIn(user: string, id: string, overrides?: Partial<TokenSet>): Promise<TokenSet>;
  row(id: string): Promise<GrantRecord>;
  eventsOf(type: TokenEventType): readonly TokenEvent[];
}

/** Builds the world. Nothing in it is shared with another test. */
export function scenario(options: { lifetimeMs?: number; seed?: number } = {}): Scenario {
  const clock = new FakeClock();
  const as = new ModelAuthorizationServer(clock, options.lifetimeMs ?? HOUR_MS);
  const store = memoryStore({ clock });
  const random = deterministicRandom(options.seed ?? 7);
  const events: TokenEvent[] = [];
  let attempts = 0;
  let servers = 0;
  const server = ({ skewMs = 0, ...serverOptions }: ServerOptions = {}): Server => {
    const name = `server-${++servers}`;
    const gate = freezer();
    const breakable = new BreakableStore(store, clock);
    const shared = createSharedState();
    const manager = createTokenManager({
      sealer: boxSealer(),
      refresher: gate.refresher(as),
      holder: name,
      newId: () => `attempt-${++attempts}`,
      random,
      shared,
      ...serverOptions,
      store: gate.store(breakable.store),
      clock: gate.clock(skewed(clock, skewMs)),
      onEvent: (event) => events.push(event),
    });
    return {
      name,
      manager,
      store: breakable,
      shared,
      freeze: gate.freeze,
      thaw: gate.thaw,
      token: (id, ask) => outcomeOf(manager.getAccessToken(id, ask).then((issued) => issued.accessToken)),
    };
  };
  const signIn = async (user: string, id: string, overrides: Partial<TokenSet> = {}): Promise<TokenSet> => {
    const tokenSet = { ...as.signIn(user), ...overrides };
    const seeder = createTokenManager({
      store,
      sealer: boxSealer(),
      refresher: as,
      holder: "seeder",
      newId: () => "seed",
      random,
      clock,
    });
    await seeder.saveGrant(grantInput(id, user, tokenSet));
    return tokenSet;
  };
  return {
    clock,
    as,
    store,
    events,
    server,
    signIn,
    async signInBoth() {
      await signIn("alice", ALICE);
      await signIn("bob", BOB);
    },
    async row(id) {
      return (await store.read(id))!.grant;
    },
    eventsOf: (type) => events.filter((event) => event.type === type),
  };
}

/** What `saveGrant` takes for a user. */
export function grantInput(id: string, user: string, tokenSet: TokenSet): GrantInput {
  return {
    id,
    sessionRef: `session-of-${grantRefOf(id)}`,
    subjectRef: `subject-${user}`,
    sidRef: null,
    provider: "keycloak",
    issuer: "https://as.example",
    clientId: "app",
    tokenSet,
  };
}

/** What a promise of a token comes to: the token, or the error's code with its reason. */
export async function outcomeOf(promise: Promise<string>): Promise<string> {
  try {
    return await promise;
  } catch (error) {
    if (!isTokenError(error)) throw error;
    const detail = error as unknown as { reason?: string; causeCode?: string; option?: string };
    const more = detail.reason ?? detail.causeCode ?? detail.option;
    return more === undefined ? error.code : `${error.code}:${more}`;
  }
}

/** Whether a promise has settled already: nothing may pass but turns of the event loop. */
export async function isSettled(clock: FakeClock, promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await clock.settle();
  return settled;
}

/** A sealer that hides nothing from a determined reader but binds to its slot and never seals the same way twice. */
export function boxSealer(keyId = "k1", opensKeys: readonly string[] = ["k1"]): Sealer {
  return {
    seal(plaintext, slot) {
      const box = JSON.stringify([keyId, slot.grantId, slot.field, slot.version, boxSerial++, plaintext]);
      return { sealed: Buffer.from(box).toString("base64"), keyId };
    },
    open(sealed, slot) {
      let box: unknown[];
      try {
        box = JSON.parse(Buffer.from(sealed, "base64").toString()) as unknown[];
      } catch {
        throw new SealError();
      }
      const [key, grantId, field, version, , plaintext] = box;
      const fits = grantId === slot.grantId && field === slot.field && version === slot.version;
      if (!fits || !opensKeys.includes(key as string)) throw new SealError();
      return plaintext as string;
    },
  };
}

let boxSerial = 0;

function skewed(clock: Clock, skewMs: number): Clock {
  return {
    nowMs: () => clock.nowMs() + skewMs,
    sleep: (durationMs, signal) => clock.sleep(durationMs, signal),
  };
}

/** Stands between a server and the world, and lets nothing come back while it is frozen. */
function freezer(): {
  freeze: () => void;
  thaw: () => void;
  store: (store: GrantStore) => GrantStore;
  refresher: (refresher: Refresher) => Refresher;
  clock: (clock: Clock) => Clock;
} {
  let frozen: { readonly thawed: Promise<void>; readonly thaw: () => void } | undefined;
  const pass = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      return await work;
    } finally {
      while (frozen !== undefined) await frozen.thawed;
    }
  };
  return {
    freeze: () => {
      let thaw = (): void => undefined;
      const thawed = new Promise<void>((resolve) => (thaw = resolve));
      frozen ??= { thawed, thaw };
    },
    thaw: () => {
      const was = frozen;
      frozen = undefined;
      was?.thaw();
    },
    store: (store) =>
      new Proxy(store, {
        get: (target, name) => {
          const member: unknown = Reflect.get(target, name);
          return typeof member === "function"
            ? (...args: readonly unknown[]) =>
                pass((member as (...all: readonly unknown[]) => Promise<unknown>)(...args))
            : member;
        },
      }),
    refresher: (refresher) => ({
      refresh: (request) => pass(refresher.refresh(request)),
      revoke: (request) => pass(refresher.revoke(request)),
    }),
    clock: (clock) => ({
      nowMs: () => clock.nowMs(),
      sleep: (durationMs, signal) => pass(clock.sleep(durationMs, signal)),
    }),
  };
}
