/** A TCP proxy that can lose an answer: the server has done what it was asked, and the connection breaks. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A proxy in front of one server. */
export interface LossyProxy {
  readonly url: string;
  /** The next request that holds this text reaches the server; its answer is dropped, and the connection with it. */
  dropAnswerTo(text: string): void;
  /** How many answers it dropped. */
  readonly dropped: () => number;
  close(): Promise<void>;
}

/** Starts a proxy on a free port of the loopback interface. */
export async function startLossyProxy(serverPort: number): Promise<LossyProxy> {
  const sockets = new Set<Socket>();
  let awaited: string | undefined;
  let dropped = 0;
  const proxy = createServer((client) => {
    const server = connect(serverPort, "127.0.0.1");
    let isDoomed = false;
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on("data", (data) => {
      if (awaited !== undefined && data.includes(awaited)) {
        awaited = undefined;
        isDoomed = true;
      }
      server.write(data);
    });
    server.on("data", (data) => {
      if (!isDoomed) return void client.write(data);
      dropped++;
      client.destroy();
    });
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    url: `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    dropAnswerTo: (text) => (awaited = text),
    dropped: () => dropped,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, "close");
    },
  };
}
