/**
 * What the callers of a run do, step by step: they ask for tokens through any server, call an API, read sessions, sign out
 * and sign in again.
 *
 * @module
 */
import type { Chance } from "./chance.ts";
import type { WorldOptions } from "./plan.ts";

/** One thing that a caller does. */
export type Deed =
  /** Asks for an access token. */
  | {
      readonly do: "get";
      readonly minValidityMs?: number;
      readonly maxWaitMs?: number;
      readonly prefetch?: true;
      /** The caller is gone after `maxWaitMs`. */
      readonly leaves?: true;
      /** The other API that the token is for. */
      readonly audience?: string;
      /** What it may do there. */
      readonly scope?: string;
    }
  /** Asks for an access token, calls the API with it, and has it renewed if that says 401. */
  | { readonly do: "call_api" }
  /** The API says 401 to a token that is good. */
  | { readonly do: "spurious_401" }
  | { readonly do: "view"; readonly wait: boolean }
  | { readonly do: "sign_out" }
  /** Signs out everywhere. */
  | { readonly do: "sign_out_user" }
  /** Signs in where nobody is signed in any more; a read where somebody is. */
  | { readonly do: "sign_in" };

/** A deed, where, and how long after the one before. */
export interface Step {
  readonly gapMs: number;
  readonly server: number;
  /** The browser, and so the session, whose grant it is about. */
  readonly slot: number;
  readonly deed: Deed;
}

/** The steps of one run. */
export function stepsOf(chance: Chance, options: WorldOptions, count: number): readonly Step[] {
  if (options.profile === "herd") return herdSteps(options);
  return Array.from({ length: count }, () => ({
    gapMs: gapOf(chance, options.accessLifetimeMs),
    server: chance.int(options.servers),
    slot: chance.int(options.grants),
    deed: deedOf(chance, options),
  }));
}

function gapOf(chance: Chance, lifetimeMs: number): number {
  const share = chance.weighted([
    [60, 0.001],
    [28, 0.08],
    [10, 0.25],
    [2, 0.9],
  ] as const);
  return Math.round(share * lifetimeMs * chance.next() * 2);
}

function deedOf(chance: Chance, { accessLifetimeMs: lifetimeMs, leavers, asLatencyMs }: WorldOptions): Deed {
  const kind = chance.weighted<Deed["do"]>([
    [42, "get"],
    [18, "call_api"],
    [2, "spurious_401"],
    [22, "view"],
    [1.5, "sign_out"],
    [0.4, "sign_out_user"],
    [14, "sign_in"],
  ]);
  switch (kind) {
    case "get":
      return {
        do: "get",
        ...(chance.hits(0.15) && { minValidityMs: Math.round(chance.next() * 0.7 * lifetimeMs) }),
        ...(chance.hits(0.2) && { maxWaitMs: chance.pick([0, 300, 2_000, 15_000]) }),
        // The engine knows no signal of a caller: whoever leaves stops waiting, at any moment, and that is all (X53).
        ...(chance.hits(leavers) && {
          leaves: true as const,
          maxWaitMs: Math.round(chance.next() * 2 * asLatencyMs),
        }),
        ...(chance.hits(0.05) && { prefetch: true }),
        ...(chance.hits(0.06) &&
          chance.pick([{ audience: "billing" }, { audience: "mail" }, { audience: "mail", scope: "send" }])),
      };
    case "view":
      return { do: "view", wait: chance.hits(0.6) };
    case "call_api":
    case "spurious_401":
    case "sign_out":
    case "sign_out_user":
    case "sign_in":
      return { do: kind };
  }
}

/** Tabs of all grants that look at the same moments, as after a wake or an outage. */
function herdSteps({ grants, servers, accessLifetimeMs }: WorldOptions): readonly Step[] {
  const rounds = 100;
  const roundMs = accessLifetimeMs / 40;
  return Array.from({ length: rounds * grants }, (_, index) => ({
    gapMs: index % grants === 0 ? Math.round(roundMs) : 0,
    server: (index + Math.floor(index / grants)) % servers,
    slot: index % grants,
    deed: { do: "view", wait: false },
  }));
}
