/**
 * What puts the tab to the test, and says loudly what is broken on purpose.
 *
 * @module
 */
import { useState, type ReactElement } from "react";
import { duration } from "./format.ts";
import type { Action, Instrument, View } from "./instrument.ts";
import type { FaultView } from "./faults.ts";

const SLEEPS: readonly (readonly [seconds: number, label: string])[] = [
  [10, "10 s"],
  [30, "30 s"],
  [60, "1 min"],
  [300, "5 min"],
  [3_600, "1 h"],
];

/** What an app can do on its server, for the buttons that otherwise act on this page only. */
export interface DevtoolsActions {
  /** Renews the token now, as a forced renewal. The page asks for its session afterwards. */
  readonly renew?: Action;
  /** Makes the token expire now. The page asks for its session afterwards. */
  readonly expire?: Action;
}

/** The faults that are on, and the way out. */
export function Alarm({ faults, instrument }: { faults: FaultView; instrument: Instrument }): ReactElement {
  const on = namesOf(faults);
  return (
    <div role="status">
      {on.length > 0 && (
        <div className="nlp-alarm">
          <span>
            {`Simulated in this tab: ${on.join(", ")}`}
            {faults.sleepLeftMs > 0 && <span aria-hidden="true">{` (${duration(faults.sleepLeftMs)})`}</span>}
          </span>
          <button type="button" onClick={() => instrument.clearFaults()}>
            All faults off
          </button>
        </div>
      )}
    </div>
  );
}

function namesOf({ isOffline, route, sleepLeftMs, aheadMs }: FaultView): readonly string[] {
  return [
    ...(isOffline ? ["offline"] : []),
    ...(route === "503" ? ["session route answers 503"] : []),
    ...(route === "no answer" ? ["session route does not answer"] : []),
    ...(sleepLeftMs > 0 ? ["asleep"] : []),
    ...(aheadMs > 0 ? [`clock ${duration(aheadMs)} ahead`] : []),
  ];
}

/** The buttons. */
export function Buttons(props: {
  view: View;
  instrument: Instrument;
  actions: DevtoolsActions;
}): ReactElement {
  const { view, instrument, actions } = props;
  const { faults, facts } = view;
  const isSignedOut = facts.status === "signed out" || facts.status === "loading";
  const route = (fault: "503" | "no answer", label: string): ReactElement => (
    <button
      type="button"
      aria-pressed={faults.route === fault}
      onClick={() => instrument.setRoute(faults.route === fault ? undefined : fault)}
    >
      {label}
    </button>
  );
  return (
    <div className="nlp-try" role="group" aria-label="Try it">
      <button type="button" disabled={isSignedOut} onClick={() => void instrument.renew(actions.renew)}>
        {actions.renew ? "Renew on the server" : "Ask now"}
      </button>
      <button
        type="button"
        disabled={isSignedOut || (!actions.expire && facts.tokenLeftMs === undefined)}
        onClick={() => void instrument.expire(actions.expire)}
      >
        {actions.expire ? "Expire on the server" : "Expire the token"}
      </button>
      <button
        type="button"
        aria-pressed={faults.isOffline}
        onClick={() => instrument.setOffline(!faults.isOffline)}
      >
        Offline
      </button>
      {route("503", "Session route: 503")}
      {route("no answer", "Session route: no answer")}
      <SleepButton faults={faults} instrument={instrument} />
    </div>
  );
}

function SleepButton({ faults, instrument }: { faults: FaultView; instrument: Instrument }): ReactElement {
  const [seconds, setSeconds] = useState(30);
  const isAsleep = faults.sleepLeftMs > 0;
  return (
    <span className="nlp-sleep">
      <button
        type="button"
        aria-pressed={isAsleep}
        disabled={isAsleep}
        onClick={() => instrument.sleep(seconds * 1_000)}
      >
        Sleep
      </button>
      <select
        aria-label="Sleep for"
        value={seconds}
        disabled={isAsleep}
        onChange={({ target }) => setSeconds(Number(target.value))}
      >
        {SLEEPS.map(([each, label]) => (
          <option key={each} value={each}>
            {label}
          </option>
        ))}
      </select>
    </span>
  );
}
