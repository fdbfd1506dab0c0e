/**
 * What happens between an application's request and its answer: the login form, and the consent that nobody has to
 * click. Each interaction is bound to the browser by the provider's signed cookie.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Provider } from "oidc-provider";

import { HttpProblem, readBody } from "../lib/http.ts";
import { signIn } from "./accounts.ts";
import { errorPage, loginPage, type Page } from "./pages.ts";
import { grantEverythingAsked } from "./provider.ts";
import { chooseLanguage } from "./texts.ts";

type Interaction = Awaited<ReturnType<Provider["interactionDetails"]>>;

const PATH = /^\/interaction\/[\w-]{1,64}$/;
const MAX_BODY_BYTES = 4_096;

/** Whether the request is one of an interaction's. */
export function isInteraction(path: string): boolean {
  return PATH.test(path);
}

/** Answers GET (the form, or straight on) and POST (name and password) of an interaction. Never rejects. */
export async function answerInteraction(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const accepted = request.headers["accept-language"];
  try {
    const interaction = await provider.interactionDetails(request, response);
    if (!request.url?.startsWith(`/interaction/${interaction.uid}`)) throw new InteractionOver();
    if (interaction.prompt.name === "consent")
      return await finishConsent(provider, interaction, request, response);
    if (request.method === "POST") return await finishLogin(provider, interaction, request, response);
    send(response, 200, showLogin(interaction, accepted, { username: "", failed: false }));
  } catch (error) {
    if (response.headersSent) return void response.destroy();
    const expired = error instanceof Error && error.name === "SessionNotFound";
    if (!expired && !(error instanceof HttpProblem)) console.error(error);
    const status = error instanceof HttpProblem ? error.status : expired ? 400 : 500;
    const details = { error: expired ? "interaction_over" : "server_error" };
    send(response, status, errorPage(chooseLanguage(undefined, accepted), { expired, details }));
  }
}

/** The address and the cookie name different interactions: the cookie's is the newer one. */
class InteractionOver extends Error {
  override readonly name = "SessionNotFound";
}

async function finishConsent(
  provider: Provider,
  interaction: Interaction,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { params, session } = interaction;
  if (session === undefined) throw new InteractionOver();
  const grantId = await grantEverythingAsked(provider, {
    accountId: session.accountId,
    clientId: String(params["client_id"]),
    scope: String(params["scope"] ?? ""),
  });
  await provider.interactionFinished(request, response, { consent: { grantId } });
}

async function finishLogin(
  provider: Provider,
  interaction: Interaction,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const form = new URLSearchParams(await readBody(request, MAX_BODY_BYTES));
  if (form.has("cancel")) {
    return provider.interactionFinished(request, response, {
      error: "access_denied",
      error_description: "The user cancelled the sign-in",
    });
  }
  const username = form.get("username") ?? "";
  const accountId = await signIn(username, form.get("password") ?? "");
  if (accountId === undefined) {
    const shown = showLogin(interaction, request.headers["accept-language"], { username, failed: true });
    return send(response, 401, shown);
  }
  await provider.interactionFinished(request, response, { login: { accountId, amr: ["pwd"] } });
}

function showLogin(
  { uid, params }: Interaction,
  accepted: string | undefined,
  form: { readonly username: string; readonly failed: boolean },
): Page {
  const language = chooseLanguage(
    typeof params["ui_locales"] === "string" ? params["ui_locales"] : undefined,
    accepted,
  );
  const origin = new URL(String(params["redirect_uri"])).origin;
  return loginPage(language, { action: `/interaction/${uid}`, origin, ...form });
}

function send(response: ServerResponse, status: number, page: Page): void {
  response.writeHead(status, { ...page.headers });
  response.end(page.html);
}
