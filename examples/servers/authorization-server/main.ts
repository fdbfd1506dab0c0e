/**
 * Starts the authorization server: `node authorization-server/main.ts`. Settings come from the environment:
 *
 * | variable | default |
 * | --- | --- |
 * | `HOST`, `PORT` | `127.0.0.1`, `4001` (0: any free port) |
 * | `ISSUER` | `http://HOST:PORT`; the public address where a proxy stands in front |
 * | `DATA_DIR` | `.data`: state, keys and secrets |
 * | `AUDIT_FILE` | `DATA_DIR/audit.jsonl` |
 * | `TOKEN_TTL_SECONDS` | `60`, life of an access token |
 * | `REDIRECT_URIS` | where the application may be sent back to, separated by commas |
 * | `CLIENT_ID`, `CLIENT_SECRET` | `nolapse-example`, made at the first start |
 * | `API_CLIENT_ID`, `API_CLIENT_SECRET` | `nolapse-example-api`, made at the first start |
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";

import { auditLog } from "../lib/audit-log.ts";
import { listen, sendJson, type RunningServer } from "../lib/http.ts";
import { keptJson, newSecret } from "../lib/kept-json.ts";
import { runServer } from "../lib/run-server.ts";
import {
  dataFolder,
  numberSetting,
  originSetting,
  requireSetting,
  textSetting,
  urlListSetting,
} from "../lib/settings.ts";
import { recordEvents, recordReuse } from "./audit.ts";
import { answerInteraction, isInteraction } from "./interactions.ts";
import { createProvider, providerKeys } from "./provider.ts";
import { openStorage } from "./storage.ts";

const SWEEP_EVERY_MS = 60_000;

await runServer("authorization server", start);

async function start(): Promise<RunningServer & { release(): void }> {
  const host = textSetting("HOST", "127.0.0.1");
  const port = numberSetting("PORT", 4001, 0, 65_535);
  if (port === 0) requireSetting("ISSUER", "with PORT=0 the address is not known in advance");
  const issuer = new URL(originSetting("ISSUER", `http://${host}:${port}`));
  const folder = dataFolder();
  const secrets = await keptJson(join(folder, "as-secrets.json"), () => ({
    clientSecret: newSecret(),
    apiClientSecret: newSecret(),
  }));
  const audit = auditLog(textSetting("AUDIT_FILE", join(folder, "audit.jsonl")));
  const storage = openStorage(join(folder, "as.db"), { reused: (reuse) => recordReuse(audit, reuse) });
  const provider = createProvider({
    issuer: issuer.origin,
    client: {
      id: textSetting("CLIENT_ID", "nolapse-example"),
      secret: textSetting("CLIENT_SECRET", secrets.clientSecret),
      redirectUris: urlListSetting("REDIRECT_URIS", "http://localhost:3000/api/auth/callback/demo"),
    },
    api: {
      id: textSetting("API_CLIENT_ID", "nolapse-example-api"),
      secret: textSetting("API_CLIENT_SECRET", secrets.apiClientSecret),
    },
    tokenTtlSeconds: numberSetting("TOKEN_TTL_SECONDS", 60, 1, 86_400),
    keys: await providerKeys(join(folder, "as-keys.json")),
    storage,
  });
  recordEvents(provider, audit);
  provider.on("server_error", (_ctx, error) => console.error(error));

  const answerAsProvider = provider.callback();
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    // Whatever stands in front: every address in an answer begins with the issuer.
    request.headers["x-forwarded-host"] = request.headers.host = issuer.host;
    request.headers["x-forwarded-proto"] = issuer.protocol.slice(0, -1);
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    if (path === "/health") return sendJson(response, 200, { status: "ok" });
    if (isInteraction(path)) return void answerInteraction(provider, request, response);
    void answerAsProvider(request, response);
  };

  const running = await listen(answer, host, port);
  const sweeping = setInterval(() => storage.sweep(), SWEEP_EVERY_MS);
  const release = (): void => {
    clearInterval(sweeping);
    storage.close();
  };
  return { ...running, release };
}
