/**
 * What `oidc-provider` remembers in a run. Its own memory holds 1,000 entries for all servers of a process together and
 * forgets the oldest: then it refuses refresh tokens that are as good as any.
 */
import type { Adapter, AdapterFactory, AdapterPayload } from "oidc-provider";

/** Makes the memory of one server. It forgets nothing by itself. */
export function createOidcMemory(): AdapterFactory {
  const entries = new Map<string, AdapterPayload>();
  return (model): Adapter => {
    const key = (id: string): string => `${model}:${id}`;
    const done = Promise.resolve();
    return {
      upsert: (id, payload) => {
        entries.set(key(id), payload);
        return done;
      },
      find: (id) => Promise.resolve(entries.get(key(id))),
      findByUserCode: () => Promise.resolve(undefined),
      findByUid: () => Promise.resolve(undefined),
      consume: (id) => {
        const found = entries.get(key(id));
        if (found !== undefined) found["consumed"] = Math.floor(Date.now() / 1000);
        return done;
      },
      destroy: (id) => {
        entries.delete(key(id));
        return done;
      },
      revokeByGrantId: (grantId) => {
        for (const [name, payload] of entries) if (payload.grantId === grantId) entries.delete(name);
        return done;
      },
    };
  };
}
