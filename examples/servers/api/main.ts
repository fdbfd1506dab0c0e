/**
 * Starts the protected API: `node api/main.ts`. Settings come from the environment:
 *
 * | variable | default |
 * | --- | --- |
 * | `HOST`, `PORT` | `127.0.0.1`, `4002` (0: any free port) |
 * | `API_ORIGIN` | `http://HOST:PORT`; the public address where a proxy stands in front |
 * | `DATA_DIR` | `.data`: sign-ins and the signing key |
 * | `AUDIT_FILE` | `DATA_DIR/api-audit.jsonl` |
 * | `TOKEN_TTL_SECONDS` | `60`, life of the backend's own access tokens |
 * | `ISSUER` | `http://127.0.0.1:4001`, whose access tokens are accepted too |
 * | `INTROSPECTION_URL` | `ISSUER/token/introspection` |
 * | `API_CLIENT_ID`, `API_CLIENT_SECRET` | `nolapse-example-api`, and the secret: needed |
 *
 * @module
 */
import { join } from "node:path";

import { auditLog } from "../lib/audit-log.ts";
import { listen, type RunningServer } from "../lib/http.ts";
import { runServer } from "../lib/run-server.ts";
import { dataFolder, numberSetting, originSetting, requireSetting, textSetting } from "../lib/settings.ts";
import { accessTokens } from "./access-tokens.ts";
import { authenticate } from "./bearer.ts";
import { apiHandler } from "./routes.ts";
import { openSessions } from "./sessions.ts";
import { openSockets } from "./socket.ts";

const SWEEP_EVERY_MS = 60_000;

await runServer("API", start);

async function start(): Promise<RunningServer & { release(): void }> {
  const host = textSetting("HOST", "127.0.0.1");
  const port = numberSetting("PORT", 4002, 0, 65_535);
  if (port === 0) requireSetting("API_ORIGIN", "with PORT=0 the address is not known in advance");
  const folder = dataFolder();
  const own = await accessTokens({
    keyFile: join(folder, "api-key.json"),
    origin: originSetting("API_ORIGIN", `http://${host}:${port}`),
    ttlSeconds: numberSetting("TOKEN_TTL_SECONDS", 60, 1, 86_400),
  });
  const issuer = originSetting("ISSUER", "http://127.0.0.1:4001");
  const introspection = {
    url: textSetting("INTROSPECTION_URL", `${issuer}/token/introspection`),
    clientId: textSetting("API_CLIENT_ID", "nolapse-example-api"),
    clientSecret: requireSetting(
      "API_CLIENT_SECRET",
      "the authorization server answers only to who knows it",
    ),
  };
  const audit = auditLog(textSetting("AUDIT_FILE", join(folder, "api-audit.jsonl")));
  const sessions = openSessions(join(folder, "api.db"));

  const sockets = openSockets({
    authenticate: (header) => authenticate(header, { own, sessions, introspection }),
    audit,
  });
  const handle = apiHandler({ sessions, own, introspection, audit });

  const running = await listen(handle, host, port, sockets.upgrade);
  const sweeping = setInterval(() => sessions.sweep(), SWEEP_EVERY_MS);
  const release = (): void => {
    clearInterval(sweeping);
    sessions.close();
  };
  const close: RunningServer["close"] = (graceMs) => {
    sockets.close();
    return running.close(graceMs);
  };
  return { ...running, close, release };
}
