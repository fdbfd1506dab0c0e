/**
 * A browser with real tabs, and an app for them, for one `describe`: started before its tests, and at the end audited by the
 * servers' own accounts.
 */
import { afterAll, beforeAll, expect } from "vitest";

import { startStage, type Stage } from "./app.ts";
import { launchProtocol, type Protocol, type ProtocolOptions } from "./devtools-protocol.ts";
import { visitorWithTabs, type TabsOptions } from "./idle-tabs.ts";
import { newRawVisitor, type RawVisitor, type RawVisitorOptions } from "./raw-visitor.ts";
import type { Person } from "./visitor.ts";

/** What the tests of one `describe` share. */
export interface TabStage {
  /** A visitor with so many tabs that have heard of each other; see {@link visitorWithTabs}. */
  tabsOf(person: Person, count: number, options?: TabsOptions): Promise<RawVisitor>;
  /** A visitor with no tab yet. */
  newcomer(person: Person, options?: RawVisitorOptions): Promise<RawVisitor>;
  /** Grants that may be revoked, of those who sign out. No other may, and no refresh token may be used twice. */
  readonly signedOut: Set<unknown>;
}

/** Registers the start and the end of it with the `describe` that this is called in. */
export function tabStage(options: ProtocolOptions & { readonly tokenTtlSeconds: number }): TabStage {
  let stage: Stage;
  let protocol: Protocol;
  const signedOut = new Set<unknown>();
  beforeAll(async () => {
    [protocol, stage] = await Promise.all([launchProtocol(options), startStage(options)]);
  });
  afterAll(async () => {
    await protocol.close();
    for (const server of [stage.servers.authorizationServer, stage.servers.api]) {
      expect(server.audit("refresh_token.reused")).toEqual([]);
      const revoked = server.audit("grant.revoked").filter(({ grant }) => !signedOut.has(grant));
      expect(revoked).toEqual([]);
    }
    await stage.stop();
  });
  return {
    tabsOf: (person, count, more) => visitorWithTabs(protocol, stage, person, count, more),
    newcomer: (person, more) => newRawVisitor(protocol, stage, person, more),
    signedOut,
  };
}
