/**
 * The books of a run: which sessions there are, what their callers got, and what was done to the processes.
 */
import { randomBytes } from "node:crypto";

import { createTokenManager, type TokenManager } from "../src/core/token-manager.ts";
import { createOAuthRefresher } from "../src/oauth/oauth-refresher.ts";
import { createKeyRing } from "../src/vault/key-ring.ts";
import { createSealer } from "../src/vault/sealer.ts";
import type { Sealer } from "../src/core/sealer.ts";
import { tokenHash, type AuthorizationServer } from "./authorization-server.ts";
import type { Strike } from "./blows.ts";
import type { FleetListener } from "./fleet.ts";
import { retried } from "./retried.ts";
import { providerOf } from "./provider.ts";
import { openStore, type OpenedStore } from "./stores.ts";
import type { LeaseNews } from "./telling-store.ts";
import type { CallerAnswer, WorkerSetup } from "./worker.ts";

/** One session of the run. */
export interface Session {
  readonly id: string;
  readonly chain: string;
  /** Somebody was told to sign it out. */
  signedOut: boolean;
  /** Its tombstone was written. */
  tombstone: boolean;
  /** When a caller was first told that only a new sign-in helps. */
  toldEndedAtMs: number | undefined;
}

/** The books. */
export interface Ledger {
  readonly sessions: readonly Session[];
  /** Hashes of the refresh tokens that were seen in the store: once there, a token may not be lost any more. */
  readonly durable: Set<string>;
  readonly listener: FleetListener;
  readonly answers: { good: number; late: number };
  /** Answers that must never be given, a line each. */
  readonly wrong: string[];
  readonly events: Map<string, number>;
  readonly strikes: Map<string, number>;
  deaths: number;
  blows: number;
  restarts: number;
  /** What became of leases, by the store's clock. */
  readonly leases: LeaseNews[];
  open(
    setup: WorkerSetup,
    server: AuthorizationServer,
    sealWith: readonly string[],
    openWith: readonly string[],
  ): Promise<void>;
  /** Signs users in until there are so many sessions to ask for. */
  fill(count: number): Promise<void>;
  activeIds(): readonly string[];
  /** Picks a session that is to be signed out, and counts it as such. */
  signOutOne(): Session | undefined;
  count(strike: Strike): void;
  /** Looks for the newest refresh tokens of chains that such a process had refreshed last. */
  lookFor(isHis: (pid: number) => boolean): Promise<void>;
  /** A process of its own, for the reckoning: opens everything. */
  readonly manager: () => TokenManager;
  readonly sealer: () => Sealer;
  readonly store: () => OpenedStore;
  close(): Promise<void>;
}

/** Makes empty books. */
export function createLedger(): Ledger {
  const sessions: Session[] = [];
  const byId = new Map<string, Session>();
  let users = 0;
  let world:
    | {
        server: AuthorizationServer;
        opened: OpenedStore;
        signsIn: TokenManager;
        reckons: TokenManager;
        sealer: Sealer;
      }
    | undefined;
  const opened = (): NonNullable<typeof world> => {
    if (world === undefined) throw new Error("The books are not open yet");
    return world;
  };
  const ledger: Ledger = {
    sessions,
    durable: new Set(),
    answers: { good: 0, late: 0 },
    wrong: [],
    events: new Map(),
    strikes: new Map(),
    deaths: 0,
    blows: 0,
    restarts: 0,
    leases: [],
    listener: {
      answers: (given) => {
        for (const answer of given) judge(answer);
      },
      broke: (pid, exitCode) =>
        void ledger.wrong.push(`process ${pid} ended by itself with exit code ${exitCode}`),
      lease: (news) => void ledger.leases.push(news),
      event: (type, code) => add(ledger.events, code === "" ? type : `${type}:${code}`),
    },
    async open(setup, server, sealWith, openWith) {
      const at = await openStore(setup.store);
      const sealer = createSealer(createKeyRing({ secrets: openWith }));
      const base = {
        store: at.store,
        refresher: createOAuthRefresher({
          resolveProvider: providerOf(setup),
        }),
        newId: () => crypto.randomUUID(),
        random: Math.random,
        rotationOf: () => setup.rotation,
      };
      world = {
        server,
        opened: at,
        sealer,
        signsIn: createTokenManager({
          ...base,
          holder: "sign-in",
          sealer: createSealer(createKeyRing({ secrets: sealWith })),
        }),
        // All sessions at once, beside the authorization server in one process: none of them may be lost for want of time.
        reckons: createTokenManager({ ...base, holder: "reckoning", sealer, refreshDeadlineMs: 60_000 }),
      };
    },
    async fill(count) {
      const missing = count - ledger.activeIds().length;
      await Promise.all(Array.from({ length: missing }, () => signIn()));
    },
    activeIds: () =>
      sessions
        .filter(({ signedOut, toldEndedAtMs }) => !signedOut && toldEndedAtMs === undefined)
        .map(({ id }) => id),
    signOutOne() {
      const [id = ""] = ledger.activeIds();
      const session = byId.get(id);
      if (session !== undefined) session.signedOut = true;
      return session;
    },
    count: (strike) =>
      add(ledger.strikes, strike.kind === "sigterm" ? "SIGTERM" : `${strike.point} ${strike.blow}`),
    async lookFor(isHis) {
      const last = new Map(opened().server.rotations.map((one) => [one.chain, one]));
      for (const session of sessions) {
        const rotation = last.get(session.chain);
        if (rotation === undefined || !isHis(rotation.pid) || ledger.durable.has(rotation.issued)) continue;
        for (const token of await storedTokens(ledger, session)) ledger.durable.add(token);
      }
    },
    manager: () => opened().reckons,
    sealer: () => opened().sealer,
    store: () => opened().opened,
    close: async () => {
      await world?.opened.close();
      world = undefined;
    },
  };

  async function signIn(): Promise<void> {
    const { server, signsIn } = opened();
    const user = `user-${++users}`;
    const { chain, refreshToken } = await server.signIn(user);
    const id = `t1.${randomBytes(32).toString("base64url")}`;
    const session: Session = { id, chain, signedOut: false, tombstone: false, toldEndedAtMs: undefined };
    const nowMs = Date.now();
    // A repeated insert finds the id taken where the first one was applied and its answer got lost.
    await retried(() =>
      signsIn.saveGrant({
        ...{ id, sessionRef: `session-${id}`, subjectRef: `subject-${user}`, sidRef: null },
        ...{ provider: "torture", issuer: server.issuer, clientId: server.clientId },
        // Due at once: the first caller refreshes.
        tokenSet: {
          accessToken: `first-${user}`,
          refreshToken,
          tokenType: "Bearer",
          issuedAtMs: nowMs - 12_000,
          expiresAtMs: nowMs,
        },
      }),
    );
    byId.set(id, session);
    sessions.push(session);
  }

  function judge({ id, atMs, tokenHash: hash, early, code }: CallerAnswer): void {
    const session = byId.get(id);
    if (session === undefined) return void ledger.wrong.push("an answer for a session that nobody has");
    if (code?.startsWith("reauthentication_required") === true) {
      session.toldEndedAtMs ??= atMs;
      return;
    }
    if (code !== undefined) {
      ledger.answers.late++;
      if (!/^(refresh_unavailable|store_failed)$/.test(code)) ledger.wrong.push(`a caller got ${code}`);
      return;
    }
    const token = opened().server.accessTokens.get(hash ?? "");
    if (token?.chain !== session.chain) ledger.wrong.push("a caller got a token of another session");
    else if (token.expiresAtMs <= atMs) ledger.wrong.push("a caller got a token that had expired");
    else if (early === true) ledger.wrong.push("a caller got a token before it was stored");
    else ledger.answers.good++;
  }

  return ledger;
}

/** Hashes of the refresh tokens that are stored for a session: the current one and the kept ones. */
export async function storedTokens(ledger: Ledger, { id }: Session): Promise<ReadonlySet<string>> {
  const grant = (await retried(() => ledger.store().store.read(id)))?.grant;
  if (grant === undefined || grant.sealedTokenSet === "") return new Set();
  const sealer = ledger.sealer();
  const opened = [
    sealer.open(grant.sealedTokenSet, { grantId: id, field: "token-set", version: grant.version }),
    ...grant.candidates.map((one) =>
      sealer.open(one.sealedTokenSet, { grantId: id, field: "candidate", version: one.version }),
    ),
  ];
  const tokens = opened.map((text) => (JSON.parse(text) as { refreshToken?: string }).refreshToken);
  return new Set(tokens.filter((token) => token !== undefined).map(tokenHash));
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
