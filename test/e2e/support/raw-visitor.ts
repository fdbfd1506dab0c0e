/**
 * A person with a browser profile of their own whose tabs are real: only one is visible, the others are hidden and throttled, and
 * each can be frozen, crashed, closed and left.
 */
import type { Stage } from "./app.ts";
import type { Protocol } from "./devtools-protocol.ts";
import { attach, type RawTab, type RawTabOptions } from "./raw-tab.ts";
import { cookiesOf, type Account, type Person, type SessionRequest } from "./visitor.ts";

/** A profile with its tabs. */
export interface RawVisitor extends Account<RawTab> {
  readonly grant: string;
  readonly tabs: readonly RawTab[];
  openTab(path: string): Promise<RawTab>;
  /** Another sign-in takes the place of this one, in the cookies: tabs learn of it from the next page that one of them shows. */
  signInAs(person: Person): Promise<void>;
}

/** What a new visitor brings along. */
export interface RawVisitorOptions extends RawTabOptions {
  /** Of what goes wrong, what is not to be noted. */
  readonly expects?: (trouble: string) => boolean;
}

/** Signs somebody in, in a new profile with no tab yet. */
export async function newRawVisitor(
  protocol: Protocol,
  stage: Stage,
  person: Person,
  options: RawVisitorOptions = {},
): Promise<RawVisitor> {
  const { browserContextId } = await protocol.send("Target.createBrowserContext", {});
  const enter = async (as: Person): Promise<string> => {
    const { cookies, grant } = await cookiesOf(stage, as);
    await protocol.send("Storage.setCookies", { browserContextId, cookies });
    return grant;
  };
  let grant = await enter(person);
  const tabs: RawTab[] = [];
  const sessionRequests: SessionRequest<RawTab>[] = [];
  const trouble: string[] = [];
  const note = (what: string): void => {
    if (options.expects?.(what) !== true) trouble.push(what);
  };
  return {
    stage,
    get grant() {
      return grant;
    },
    tabs,
    sessionRequests,
    trouble,
    async openTab(path) {
      const target = { url: "about:blank", browserContextId };
      const { targetId } = await protocol.send("Target.createTarget", target);
      const account = { sessionRequests, note };
      const tab = await attach(protocol, String(targetId), stage.app.url, account, options);
      tabs.push(tab);
      await tab.goto(path);
      return tab;
    },
    async signInAs(next) {
      grant = await enter(next);
    },
    async close() {
      await protocol.send("Target.disposeBrowserContext", { browserContextId });
    },
  };
}
