/**
 * Looks at a Redis or Valkey server's settings for those that can lose a grant.
 *
 * @module
 */
import { redisSender, type RedisClient, type SendCommand } from "./redis-client.ts";

/** What {@link inspectRedis} found. The worst of all primaries, where there are several. */
export interface RedisInspection {
  /** `evicts`: Redis throws grants away when its memory is full. `unknown`: the server does not say. */
  readonly eviction: "ok" | "unknown" | "evicts";
  /**
   * `volatile`: a restart forgets every grant. `lags`: it forgets at least what happened since the last snapshot or flush,
   * and a refresh token that was rotated since is lost. `unknown`: the server does not say, as most managed ones.
   */
  readonly persistence: "ok" | "unknown" | "lags" | "volatile";
  /** A sentence for each setting that can lose a grant, with the way out. */
  readonly problems: readonly string[];
}

type Settings = ReadonlyMap<string, string>;

const SETTINGS = ["maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "save"] as const;
const EVICTION_ORDER = ["ok", "unknown", "evicts"] as const;
const PERSISTENCE_ORDER = ["ok", "unknown", "lags", "volatile"] as const;

/**
 * Asks by `CONFIG GET` and `INFO`, whichever the server allows. Never rejects: what cannot be asked is `unknown`.
 *
 * @throws {@link InvalidOptionError} for something that is no client.
 */
export async function inspectRedis(client: RedisClient): Promise<RedisInspection> {
  const sender = redisSender(client);
  const nodes = await sender.nodes().catch(() => []);
  const found = (await Promise.all(nodes.map(settingsOf))).map(judge);
  if (found.length === 0) return judge(new Map());
  return {
    eviction: worst(
      EVICTION_ORDER,
      found.map(({ eviction }) => eviction),
    ),
    persistence: worst(
      PERSISTENCE_ORDER,
      found.map(({ persistence }) => persistence),
    ),
    problems: [...new Set(found.flatMap(({ problems }) => problems))],
  };
}

/** What the settings of one server mean. A setting that is not there is not known. */
export function judge(settings: Settings): RedisInspection {
  const problems: string[] = [];
  const eviction = evictionOf(settings);
  if (eviction === "evicts") {
    problems.push(
      `maxmemory-policy is ${settings.get("maxmemory-policy") ?? "set"}, so a full Redis throws grants away: ` +
        "set maxmemory-policy noeviction",
    );
  }
  const persistence = persistenceOf(settings);
  if (persistence === "volatile") {
    problems.push("nothing is written to disk, so a restart signs everybody out: set appendonly yes");
  } else if (persistence === "lags") {
    problems.push(lagOf(settings));
  }
  return { eviction, persistence, problems };
}

function lagOf(settings: Settings): string {
  if (settings.get("appendonly") === "yes") {
    return "appendfsync is no, so a crash of the machine loses rotated refresh tokens: set appendfsync everysec or always";
  }
  const what = settings.has("save")
    ? "only snapshots are written to disk"
    : "the append-only file is off, and whether there are snapshots is not known";
  return `${what}, so a crash loses the refresh tokens rotated since the last one: set appendonly yes`;
}

function evictionOf(settings: Settings): RedisInspection["eviction"] {
  const policy = settings.get("maxmemory-policy");
  const maxMemory = settings.get("maxmemory");
  // A grant's key expires, so that volatile-* policies throw it away as well.
  if (policy === "noeviction" || maxMemory === "0") return "ok";
  return policy === undefined || maxMemory === undefined ? "unknown" : "evicts";
}

function persistenceOf(settings: Settings): RedisInspection["persistence"] {
  const appendOnly = settings.get("appendonly");
  if (appendOnly === undefined) return "unknown";
  if (appendOnly === "yes") {
    const fsync = settings.get("appendfsync");
    return fsync === undefined ? "unknown" : fsync === "no" ? "lags" : "ok";
  }
  // Without the file a crash loses rotated tokens, whatever is saved besides.
  return settings.get("save")?.trim() === "" ? "volatile" : "lags";
}

async function settingsOf(send: SendCommand): Promise<Settings> {
  const quietly = (args: readonly string[]): Promise<unknown> => send(args).catch(() => undefined);
  const [memory, persistence, ...given] = await Promise.all([
    quietly(["INFO", "memory"]),
    quietly(["INFO", "persistence"]),
    ...SETTINGS.map((name) => quietly(["CONFIG", "GET", name])),
  ]);
  const settings = new Map<string, string>();
  const info = infoFrom(`${textOf(memory)}\n${textOf(persistence)}`);
  const aof = info.get("aof_enabled");
  const fromInfo: readonly (readonly [string, string | undefined])[] = [
    ["maxmemory", info.get("maxmemory")],
    ["maxmemory-policy", info.get("maxmemory_policy")],
    ["appendonly", aof === undefined ? undefined : aof === "1" ? "yes" : "no"],
  ];
  const fromConfig = SETTINGS.map((name, index) => [name, configValue(given[index])] as const);
  for (const [name, value] of [...fromInfo, ...fromConfig])
    if (value !== undefined) settings.set(name, value);
  return settings;
}

/** The value of one setting: a list in RESP2, a map in RESP3, which clients show as an object or as a `Map`. */
function configValue(reply: unknown): string | undefined {
  const values: readonly unknown[] = Array.isArray(reply)
    ? reply.slice(1)
    : reply instanceof Map
      ? [...(reply.values() as Iterable<unknown>)]
      : Object.values(Object(reply) as object);
  return values.length === 0 ? undefined : textOf(values[0]);
}

function infoFrom(text: string): Settings {
  const lines = text.split(/\r?\n/).map((line) => line.split(":"));
  return new Map(lines.map(([name = "", ...rest]) => [name, rest.join(":").trim()]));
}

function textOf(reply: unknown): string {
  return typeof reply === "string" || Buffer.isBuffer(reply) ? String(reply) : "";
}

function worst<Verdict>(order: readonly Verdict[], found: readonly Verdict[]): Verdict {
  return order[Math.max(...found.map((verdict) => order.indexOf(verdict)))] as Verdict;
}
