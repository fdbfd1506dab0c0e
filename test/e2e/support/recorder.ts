/**
 * Keeps everything that a browser without a browser is sent, each redirect on the way included, and everything that an
 * app sends to the servers behind it.
 */
import type { FaultProxy } from "./fault-proxy.ts";
import type { Place } from "./secret-scan.ts";

/** What was recorded so far. */
export interface Recorder {
  /** Addresses, headers and bodies, in the order of their arrival. Waits for bodies that are still coming. */
  places(): Promise<readonly Place[]>;
  /** Records what one of the servers is asked, without the header that is meant to carry a secret. */
  watchRequestsTo(name: string, proxy: FaultProxy, onAnswer: (url: string, answer: string) => void): void;
  /** Stops recording. */
  stop(): void;
}

/** Records every answer to the global `fetch` until it is stopped; of an endless event stream only the headers. */
export function recordEverything(): Recorder {
  const real = globalThis.fetch;
  const places: Place[] = [];
  const coming: Promise<unknown>[] = [];

  globalThis.fetch = async (input, init) => {
    const response = await real(input, init);
    const asked = input instanceof Request ? input.url : String(input);
    const kind = new Headers(init?.headers).has("rsc") ? " (flight)" : "";
    const where = `${init?.method ?? "GET"} ${new URL(asked).pathname}${kind} ${response.status}`;
    const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`);
    places.push({ where: `address of ${where}`, text: asked });
    places.push({ where: `headers of ${where}`, text: headers.join("\n") });
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
      const body = response.clone().text();
      coming.push(
        body.then(
          (text) => places.push({ where: `body of ${where}`, text }),
          () => undefined,
        ),
      );
    }
    return response;
  };

  return {
    async places() {
      await Promise.all(coming);
      return places;
    },
    watchRequestsTo(name, proxy, onAnswer) {
      proxy.onExchange = ({ method, url, headers, answer }) => {
        const { authorization: _meantToCarryIt, ...others } = headers;
        places.push({ where: `address sent to ${name}: ${method}`, text: url });
        places.push({ where: `headers sent to ${name}: ${method} ${url}`, text: JSON.stringify(others) });
        onAnswer(url, answer);
      };
    },
    stop() {
      globalThis.fetch = real;
    },
  };
}
