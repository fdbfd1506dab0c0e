/**
 * What a page loads once it is up: everything of a live session that nobody misses in its first moments.
 *
 * @module
 */
import { onBrowserInput } from "../client/browser-input.ts";
import { browserMarkerJar } from "../client/browser-token.ts";
import { followLeaving } from "../client/browser-leaving.ts";
import { shareTabs } from "../client/browser-tabs.ts";
import { createMarker } from "../client/marker.ts";
import type { Peer, Sharing } from "../client/sharing.ts";
import { createSignInPolicy, type SignInPolicy } from "../client/sign-in-policy.ts";
import { followSignOut } from "../client/sign-out-message.ts";
import { spaced } from "../client/spaced.ts";
import { isNewerToken, judgeGiven } from "./given-session.ts";
import type { LiveSession } from "./live-session.ts";
import { lastMounted, mount } from "./mounted.ts";
import { announceUser, forgetUser, hasOtherUsers, lastAnnounced, lastSignOut } from "./other-tabs.ts";
import { checkPolicy, settingsOf } from "./policy.ts";

export { sendUpdate } from "./send-update.ts";

/** Starts it. The returned function ends it. */
export function afterLoad(live: LiveSession): () => void {
  const { scheduler, surroundings, url } = live;
  const policy = policyOf(live);
  const listeners = new Set<() => void>();
  const tellNews = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const onNews = (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };

  let peer!: Peer;
  let sharing!: Sharing;
  const share = shareTabs(url(), tellNews);
  const stopSharing = scheduler.share((given) => {
    peer = { ...given, heardActive: policy.heardActive };
    return (sharing = share(peer));
  });
  live.policyChanged = policy.changed;
  const marker = createMarker({
    environment: surroundings.environment,
    jar: browserMarkerJar(),
    peer,
    wake: () => scheduler.wake("marker"),
  });
  onNews(marker.look);
  // Once it has met a failure next-auth 4 would take a sign-out for nothing new.
  onNews(() => live.restart?.());

  doubtOldProp(live);
  const stops = [
    stopSharing,
    policy.start((atMs) => sharing.tellActive(atMs)),
    marker.stop,
    takeGiven(live, peer),
    tellUsers(live),
    keepShown(live),
  ];
  let isOver = false;
  const onStop = (run: () => void): void => {
    if (isOver) run();
    else stops.push(run);
  };
  onStop(mount({ live, peer, sharing, policy, marker, onNews, onStop }));
  return () => {
    isOver = true;
    for (const stop of stops.splice(0)) stop();
  };
}

/** Where the page has shown another provider before, its `session` prop may be older than what that one knew. */
function doubtOldProp(live: LiveSession): void {
  const before = lastMounted.get(live.url());
  if (!before || before.live === live || live.initial === undefined) return;
  if (!isNewerToken(live.initial, before.peer.latest())) live.scheduler.confirm();
}

/** From now on a new `session` prop is heard, and one that came since the last was. */
function takeGiven(live: LiveSession, peer: Peer): () => void {
  live.onGiven = () => {
    const [before, given] = live.given;
    live.given[0] = given;
    const act = judgeGiven(given, before, peer.latest());
    if (act === "show" && given) live.scheduler.tell(given);
    if (act === "show" || act === "ask") live.scheduler.wake("marker");
    if (act === "confirm") live.scheduler.confirm();
  };
  live.onGiven();
  return () => {
    delete live.onGiven;
  };
}

/** From now on others are told who is signed in, and what was learned until now: other tabs, and next-auth's provider. */
function tellUsers(live: LiveSession): () => void {
  // Two sessions whose answers alternate are news without end. What it has not said before it ends, the next page says.
  // And what another tab has said meanwhile is newer than this one's answer (I13).
  let before: string;
  const [announce, stop] = spaced(live.surroundings.environment, () => {
    if (live.answer !== undefined && lastAnnounced(live.url()) === before)
      announceUser(live.answer, live.url());
  });
  // Two tabs with two live cookies announce without end.
  const ask = live.onAnnouncement;
  const [hear, stopAsking] = spaced(live.surroundings.environment, () => ask?.());
  if (ask) live.onAnnouncement = hear;
  const [lastSaid, stopHearing] = lastSignOut();
  const signOut = followSignOut(lastSaid);
  live.isSignOut = () => signOut.isNew() && !hasOtherUsers(live.url());
  live.onAnswer = () => {
    before = lastAnnounced(live.url());
    announce();
    if (live.answer) signOut.settle();
  };
  // A prop that says `null` may come from a cache, and is no sign-out.
  if (live.answer === undefined && live.initial) live.answer = live.initial;
  if (live.answer === undefined && live.given[0] === null) forgetUser(live.url());
  live.onAnswer();
  return () => {
    stop();
    stopAsking();
    stopHearing();
    if (ask && live.onAnnouncement === hear) live.onAnnouncement = ask;
    delete live.isSignOut;
    delete live.onAnswer;
  };
}

/** From now on a page that is being left shows its user to the end. */
function keepShown(live: LiveSession): () => void {
  const [isLeft, stop] = followLeaving(live.surroundings.environment, live.show);
  live.isLeft = isLeft;
  return () => {
    stop();
    delete live.isLeft;
    // It may be started again, and by then nothing would have changed.
    live.show();
  };
}

function policyOf(live: LiveSession): SignInPolicy {
  try {
    checkPolicy(live.policy);
  } catch (error) {
    // In development the first render has failed with it.
    console.error(error);
  }
  return createSignInPolicy({
    environment: live.surroundings.environment,
    scheduler: live.scheduler,
    onInput: onBrowserInput,
    settings: () => settingsOf(live.policy),
  });
}
