/**
 * What a new `session` prop means: one that the server rendered later, after `router.refresh()` or a server action (F35).
 *
 * A prop is a hint, and no answer: it may come from a cache, long after it was rendered. So it is never a sign-out or
 * another user by itself, and what it says about time is asked for again.
 *
 * @module
 */
import { samePerson, viewOf, type ClientSession } from "../client/session.ts";

type Given = ClientSession | null | undefined;

/**
 * What to do. `show`: show it and ask; `ask`: the server has a newer token, of which readers see nothing; `confirm`:
 * somebody else may be signed in, or nobody.
 */
export type GivenAct = "show" | "ask" | "confirm" | "ignore";

/** Judges a prop that came after `before`, while `latest` is known. Equal ones, and older ones, are ignored. */
export function judgeGiven(given: Given, before: Given, latest: Given): GivenAct {
  if (given === undefined || isSame(given, before) || isSame(given, latest)) return "ignore";
  if (!given || !latest || !samePerson(given, latest) || isEnded(given) !== isEnded(latest)) return "confirm";
  const newerBy = (given.accessTokenExpires ?? 0) - (latest.accessTokenExpires ?? 0);
  if (newerBy < 0) return "ignore";
  return viewOf(given) === viewOf(latest) ? "ask" : "show";
}

/**
 * Whether the prop that a provider began with is surely newer than `latest`, which the page's last one knew. The router may have
 * kept it for long, and nobody listened in between.
 */
export function isNewerToken(given: Given, latest: Given): boolean {
  const [mine, known] = [given?.accessTokenExpires ?? 0, latest?.accessTokenExpires ?? 0];
  return !!given && !!latest && samePerson(given, latest) && mine > known;
}

function isSame(one: Given, other: Given): boolean {
  if (!one || !other) return one === other;
  return one.accessTokenExpires === other.accessTokenExpires && viewOf(one) === viewOf(other);
}

function isEnded({ tokenState }: ClientSession): boolean {
  return tokenState?.status === "reauthentication_required";
}
