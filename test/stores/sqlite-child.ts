/**
 * A second process for the tests of the SQLite store. Usage: node sqlite-child.ts <path> <acquire|commit|insert> <ids...>, or
 * <path> open <more paths...>; it says "ready", starts at the first byte on stdin, and prints one JSON line per result.
 */
import { once } from "node:events";

import { sqliteStore } from "../../src/stores/sqlite.ts";
import { commitOn, newGrant, request } from "../../src/testing/grant-store-contract/fixtures.ts";
import { contextOf } from "./fixtures.ts";

const [path = "", task = "", ...ids] = process.argv.slice(2);
const store = sqliteStore({ path });
const holder = `process ${process.pid}`;
const say = (result: unknown): boolean => process.stdout.write(`${JSON.stringify(result)}\n`);

if (task !== "open") await store.read("opens the file");
say("ready");
await once(process.stdin, "data");

switch (task) {
  case "open":
    for (const path of ids) {
      const opened = sqliteStore({ path });
      await opened.read("x").catch((error: unknown) => say(String(error)));
      await opened.insert(newGrant(contextOf(opened)));
    }
    break;
  case "acquire":
    for (const id of ids) {
      const answer = await store.acquireLease(id, request(holder));
      if (answer.status === "acquired") say({ id, fence: answer.lease.fence });
    }
    break;
  case "commit":
    for (const id of ids) {
      for (let mine = 0; mine < 50;) {
        const { version } = (await store.read(id))!.grant;
        const sealedTokenSet = `${holder} on ${version}`;
        const answer = await store.commit(id, commitOn(version, { sealedTokenSet }));
        if (answer.status === "committed") mine++;
      }
    }
    break;
  default:
    for (;;) {
      const grant = newGrant(contextOf(store));
      if (await store.insert(grant)) say(grant.id);
    }
}
say("done");
process.exit(0);
