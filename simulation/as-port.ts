/**
 * The authorization server as the port of the engine in one process: as ready outcomes, or as the real refresher over HTTP.
 *
 * @module
 */
import type { Refresher } from "../src/core/refresher.ts";
import { AsLink } from "./as-link.ts";
import type { AuthorizationServer } from "./as-model.ts";
import type { Chance } from "./chance.ts";
import type { FaultId } from "./fault-types.ts";
import type { History } from "./history.ts";
import { httpRefresher } from "./http-refresher.ts";
import type { SimProcess } from "./process.ts";
import type { Timeline } from "./timeline.ts";
import type { Place, Weather } from "./weather.ts";

/** What the link needs of the world. */
export interface AsLinkWorld {
  readonly timeline: Timeline;
  readonly weather: Weather;
  readonly history: History;
  readonly as: AuthorizationServer;
  readonly asLatencyMs: number;
  /** Whether answers come over HTTP, to the real refresher. */
  readonly overHttp: boolean;
  userOfToken(refreshToken: string): string;
  grantOfToken(refreshToken: string): string;
  slotOf(grant: string): number | null;
  crash(process: SimProcess, restartMs: number): void;
  /** Writes down what a fault did to one grant. */
  noteFault(id: FaultId, what: string, place: Place, grant: string): void;
  /** A request leaves: the world writes it down. */
  sent(process: SimProcess, grant: string, attemptId: string, refreshToken: string): void;
}

/** The authorization server as one process sees it. */
export function asLink(world: AsLinkWorld, process: SimProcess, chance: Chance): Refresher {
  const link = new AsLink(world, process, chance);
  if (!world.overHttp)
    return {
      refresh: async (request) => (await link.ask(request)).outcome,
      revoke: (request) => link.revoke(request),
    };
  return httpRefresher(link, process.clock, chance, ({ attemptId, tokenSet }, got, meant) => {
    const grant = world.grantOfToken(tokenSet.refreshToken ?? "");
    world.history.add({
      kind: "classified",
      atMs: world.timeline.nowMs,
      process: process.name,
      grant,
      attemptId,
      meant: meant.kind,
      got: got.kind,
      code: got.kind === "committed" ? "ok" : got.code,
    });
  });
}
