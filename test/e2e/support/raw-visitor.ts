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
  readonly person: Person;
  readonly grant: string;
  readonly tabs: readonly RawTab[];
  openTab(path: string): Promise<RawTab>;
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
  const { cookies, grant } = await cookiesOf(stage, person);
  await protocol.send("Storage.setCookies", { browserContextId, cookies });
  const tabs: RawTab[] = [];
  const sessionRequests: SessionRequest<RawTab>[] = [];
  const trouble: string[] = [];
  const note = (what: string): void => {
    if (options.expects?.(what) !== true) trouble.push(what);
  };
  return {
    stage,
    person,
    grant,
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
    async close() {
      await protocol.send("Target.disposeBrowserContext", { browserContextId });
    },
  };
}
