/**
 * The marker: a cookie in which the server names the end of the token that it last handed out. So a refresh in a server
 * action or a proxy reaches the tabs without a poll (F35). It holds a time and nothing else.
 *
 * A sign-out on the server takes it away, and a sign-in there may leave one: where a marker goes while a user is shown, or
 * comes while nobody is, the tab asks, too.
 *
 * A tab's own request changes the cookie as well, and the cookie is there before the answer is read and before other tabs
 * are told. So a change is looked at again after a while, and asked about only if nobody has heard of that token by then.
 *
 * @module
 */
import { elapsedMs, type Environment, type Reading } from "./environment.ts";
import type { Peer } from "./sharing.ts";

/** The cookie's name. */
export const MARKER_COOKIE = "nolapse.marker";

/** Where the cookie is. */
export interface MarkerJar {
  /** Its value as it came; `undefined` where there is none. Must not throw. */
  read(): string | undefined;
  /** Calls back when a cookie changed, in browsers that tell, until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/** What a marker works with. */
export interface MarkerOptions {
  readonly environment: Environment;
  readonly jar: MarkerJar;
  readonly peer: Pick<Peer, "latest" | "state">;
  /** {@link Scheduler.wake} with the reason `marker`. */
  readonly wake: () => void;
}

/** One tab's eye on the marker. */
export interface Marker {
  /**
   * The tokens that the server named, by their ends in epoch seconds of the server's clock: the cookie's as it is now, and
   * what {@link Marker.tell} was given where the session is older than that.
   */
  named(): readonly number[];
  /** The server named this token in another way, such as a prop. `undefined`: it named none. */
  tell(value: string | undefined): void;
  /** To be called when the session was heard of, and when a cookie may have changed. Cheap. */
  look(): void;
  /** Calls back whenever the server may have named another token. */
  onChange(listener: () => void): () => void;
  /** Looks no more. */
  stop(): void;
}

/** How long the answer that changed the cookie has to get to all tabs, in milliseconds. At least as long as a wake-up's events take. */
const GRACE_MS = 1_000;
const LEAST_GAP_MS = 2_000;
const MOST_KEPT = 16;
/** The cookie is one for all apps of an origin: another app's renewals bring nobody here. */
const MOST_IN_VAIN = 3;
/** In place of a token: the marker is gone. */
const GONE = 0;

/**
 * Looks from now on. Asks at most once about each value, and once in two seconds; while nobody is shown, about three values
 * between two of the page's wake-ups.
 */
export function createMarker({ environment, jar, peer, wake }: MarkerOptions): Marker {
  const listeners = new Set<() => void>();
  let told: number | undefined;
  let known: number | undefined;
  let timer: unknown;
  let wokenAt: Reading | undefined;
  const askedAbout: number[] = [];
  const first = readMarker(jar.read());
  /** Whether there was one, and it was not asked about since that it is gone. */
  let wasThere = false;
  /** How often it was asked about while nobody was shown, since somebody was, or the page was come back to. */
  let inVain = 0;

  function named(): readonly number[] {
    const expires = peer.latest()?.accessTokenExpires ?? 0;
    const cookie = readMarker(jar.read());
    // Props may be old: a page that comes from a cache, or back from history.
    const values = [cookie, told !== undefined && told > expires ? told : undefined];
    return values.filter((value) => value !== undefined);
  }

  function unheardOf(): number | undefined {
    const latest = peer.latest();
    if (latest) inVain = 0;
    if (latest === undefined || inVain >= MOST_IN_VAIN) return undefined;
    const expires = (known = latest?.accessTokenExpires ?? known);
    wasThere ||= readMarker(jar.read()) !== undefined;
    // A session that names no token has none.
    if (wasThere && latest?.accessTokenExpires && jar.read() === undefined) return GONE;
    return named().find(
      (value) =>
        value !== expires &&
        !askedAbout.includes(value) &&
        // The page itself may be the news: a server component cannot change the cookie. That nobody is signed in is newer.
        !(value === first && (!latest || (expires !== undefined && value < expires))),
    );
  }

  function look(): void {
    if (timer !== undefined || unheardOf() === undefined) return;
    const gapMs = wokenAt ? LEAST_GAP_MS - elapsedMs(wokenAt, environment.read()) : 0;
    timer = environment.setTimer(fire, Math.max(GRACE_MS, gapMs));
  }

  function fire(): void {
    timer = undefined;
    const value = unheardOf();
    if (value === undefined) return;
    const before = peer.state()?.asked;
    wake();
    // A request is under way already, or none may be sent: what comes of it is looked at again.
    if (peer.state()?.asked === before) return;
    wokenAt = environment.read();
    wasThere &&= value !== GONE;
    inVain++;
    askedAbout.push(value);
    askedAbout.splice(0, askedAbout.length - MOST_KEPT);
  }

  const changed = (): void => {
    look();
    for (const listener of [...listeners]) listener();
  };
  const wakened = (): void => {
    inVain = 0;
    look();
  };
  const stops = [jar.onChange(changed), environment.onWake(wakened)];
  look();

  return {
    named,
    tell(value) {
      told = readMarker(value);
      changed();
    },
    look,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop() {
      for (const stop of stops) stop();
      environment.clearTimer(timer);
    },
  };
}

/** Reads a marker of unknown origin: epoch seconds. `undefined` for what is none. */
export function readMarker(value: string | undefined): number | undefined {
  return value !== undefined && /^[1-9]\d{0,14}$/.test(value) ? Number(value) : undefined;
}
