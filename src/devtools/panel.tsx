"use client";
/**
 * The panel, in the page where an app puts it.
 *
 * @module
 */
import {
  useContext,
  useEffect,
  useState,
  useSyncExternalStore,
  type ReactElement,
  type ReactNode,
} from "react";
import { LiveContext } from "../react/live-context.ts";
import { Alarm, Buttons, type DevtoolsActions } from "./buttons.tsx";
import { FactCards } from "./fact-cards.tsx";
import { takeInstrument, type Instrument } from "./instrument.ts";
import { Log } from "./log.tsx";
import { STYLE } from "./style.ts";
import { Timeline } from "./timeline.tsx";

/** What both forms of the panel take. */
export interface DevtoolsPanelProps {
  /** What the app can do on its server for two of the buttons. */
  readonly actions?: DevtoolsActions;
  /** The nonce of the page's Content-Security-Policy, for the panel's one `<style>`. */
  readonly nonce?: string;
}

/**
 * Shows what the tab knows and does about its token and session, and has buttons that put it to the test. Renders as wide as
 * the place it stands in. It belongs below nolapse's `SessionProvider`, and says so where it does not stand there.
 *
 * Looking changes nothing: no request is sent and nothing of the app renders. It shows times, states and counts, never the
 * token or anything else of the session.
 */
export function DevtoolsPanel({ actions = {}, nonce }: DevtoolsPanelProps): ReactElement {
  const instrument = useInstrument();
  return (
    <Root nonce={nonce}>
      <Content instrument={instrument} actions={actions} />
    </Root>
  );
}

/** What everything of the panel stands in. */
export function Root({ nonce, children }: { nonce: string | undefined; children: ReactNode }): ReactElement {
  return (
    <div className="nolapse-devtools">
      <style nonce={nonce} suppressHydrationWarning>
        {STYLE}
      </style>
      {children}
    </div>
  );
}

/** `undefined` until the page has loaded, `null` outside of nolapse's provider. */
export function useInstrument(): Instrument | null | undefined {
  const live = useContext(LiveContext);
  const [instrument, setInstrument] = useState<Instrument>();
  useEffect(() => {
    if (!live) return;
    const taken = takeInstrument(live);
    setInstrument(taken.instrument);
    return () => {
      setInstrument(undefined);
      taken.release();
    };
  }, [live]);
  return live ? instrument : null;
}

/** What stands in a panel. */
export function Content(props: {
  instrument: Instrument | null | undefined;
  actions: DevtoolsActions;
}): ReactElement | null {
  const { instrument, actions } = props;
  if (instrument === null)
    return <p role="note">nolapse devtools: no SessionProvider of nolapse/react stands above this panel.</p>;
  return instrument ? <Watching instrument={instrument} actions={actions} /> : null;
}

function Watching({
  instrument,
  actions,
}: {
  instrument: Instrument;
  actions: DevtoolsActions;
}): ReactElement {
  const view = useSyncExternalStore(instrument.subscribe, instrument.view, instrument.view);
  return (
    <div role="region" aria-label="nolapse devtools">
      <Alarm faults={view.faults} instrument={instrument} />
      <div className="nlp-panel">
        <FactCards view={view} />
        <Timeline view={view} />
        <Buttons view={view} instrument={instrument} actions={actions} />
        <Log entries={view.log} />
      </div>
    </div>
  );
}
