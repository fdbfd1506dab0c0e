/**
 * A proxy that speaks https to browsers and plain http to the app, as a load balancer does.
 */
import { request as httpRequest } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";

import { selfSigned, type SelfSigned } from "./self-signed.ts";

/** The proxy. */
export interface TlsProxy {
  /** Where browsers find the app, such as `https://localhost:41234`. */
  readonly origin: string;
  /** The app's port; can be set once it is known. */
  targetPort: number;
  /** Method and path of each request so far. */
  readonly seen: readonly string[];
  close(): Promise<void>;
}

let certificate: SelfSigned | undefined;

function trustedCertificate(): SelfSigned {
  const made = selfSigned();
  setDefaultCACertificates([...getCACertificates("default"), made.cert]);
  return made;
}

/** Starts a proxy with a certificate of its own, which this process trusts from then on. */
export async function tlsProxy(): Promise<TlsProxy> {
  const { key, cert } = (certificate ??= trustedCertificate());
  const seen: string[] = [];
  const server = createServer({ key, cert }, (request, response) => {
    seen.push(`${request.method ?? ""} ${request.url ?? ""}`);
    const upstream = httpRequest(
      {
        host: "127.0.0.1",
        port: proxy.targetPort,
        method: request.method,
        path: request.url,
        headers: {
          ...request.headers,
          host: `127.0.0.1:${proxy.targetPort}`,
          "x-forwarded-host": request.headers.host,
          "x-forwarded-proto": "https",
        },
        agent: false,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    upstream.once("error", () => response.destroy());
    response.once("close", () => upstream.destroy());
    request.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const proxy: TlsProxy = {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    targetPort: 0,
    seen,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return proxy;
}
