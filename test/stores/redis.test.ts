import { afterAll, beforeAll, describe, it } from "vitest";

import { redisStore } from "../../src/stores/redis.ts";
import { grantStoreContract } from "../../src/testing/grant-store-contract.ts";
import { contextOf } from "./fixtures.ts";
import { clients, type ConnectedClient } from "./support/redis-clients.ts";
import { describeWithServers, redisServerForTests } from "./support/redis-server.ts";

describeWithServers("the Redis store", (program) => {
  const server = redisServerForTests(program);

  describe.each(Object.entries(clients))("over %s", (name, connect) => {
    let connected: ConnectedClient;
    beforeAll(async () => {
      connected = await connect((await server()).url);
    });
    afterAll(() => connected.close());

    it.each(grantStoreContract)("$name", async ({ check }) => {
      await check(
        contextOf(redisStore({ client: connected.client, prefix: `${name}:`, warn: () => undefined })),
      );
    });
  });
});
