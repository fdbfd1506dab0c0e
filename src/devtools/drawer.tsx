"use client";
/**
 * The panel in a drawer, behind a button that floats over the page.
 *
 * @module
 */
import {
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
  type KeyboardEvent,
  type ReactElement,
} from "react";
import type { Instrument } from "./instrument.ts";
import { colourOf } from "./marks.tsx";
import { Content, Root, useInstrument, type DevtoolsPanelProps } from "./panel.tsx";

/** What the floating form takes. */
export interface NolapseDevtoolsProps extends DevtoolsPanelProps {
  /** Whether the drawer is open at the start. @defaultValue false */
  readonly initiallyOpen?: boolean;
  /** The corner of the window. @defaultValue "bottom-right" */
  readonly position?: "bottom-right" | "bottom-left" | "top-right" | "top-left";
}

/**
 * A button in a corner of the window that opens {@link DevtoolsPanel} in a drawer. It records from the time it is there,
 * open or not, and moves nothing of the page. Escape closes the drawer.
 */
export function NolapseDevtools(props: NolapseDevtoolsProps): ReactElement | null {
  const { actions = {}, nonce, initiallyOpen = false, position = "bottom-right" } = props;
  const [isOpen, setOpen] = useState(initiallyOpen);
  const opener = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(isOpen);
  const instrument = useInstrument();

  // The focus goes back to where it came from, once that is there again.
  useEffect(() => {
    if (wasOpen.current && !isOpen) opener.current?.focus();
    wasOpen.current = isOpen;
  }, [isOpen]);

  if (instrument === undefined) return null;
  const onKeyDown = ({ key }: KeyboardEvent): void => {
    if (key === "Escape") setOpen(false);
  };
  if (!isOpen) {
    return (
      <Root nonce={nonce}>
        <button
          ref={opener}
          type="button"
          className="nlp-open"
          data-place={position}
          aria-expanded={false}
          onClick={() => setOpen(true)}
        >
          {instrument && <Light instrument={instrument} />}
          nolapse
        </button>
      </Root>
    );
  }
  return (
    <Root nonce={nonce}>
      <aside className="nlp-drawer" data-place={position} aria-label="nolapse devtools" onKeyDown={onKeyDown}>
        <div className="nlp-head">
          <h2>nolapse devtools</h2>
          <button type="button" autoFocus={!initiallyOpen} onClick={() => setOpen(false)}>
            Close
          </button>
        </div>
        <div className="nlp-body">
          <Content instrument={instrument} actions={actions} />
        </div>
      </aside>
    </Root>
  );
}

/** The colour of the session's state. It turns to alarm while a fault is on. */
function Light({ instrument }: { instrument: Instrument }): ReactElement {
  const read = (): string => {
    const { faults, facts } = instrument.view();
    const isFaulty = faults.isOffline || faults.route || faults.sleepLeftMs > 0 || faults.aheadMs > 0;
    return isFaulty ? "simulated fault" : facts.status;
  };
  const name = useSyncExternalStore(instrument.subscribe, read, read);
  const status = instrument.view().facts.status;
  return (
    <svg width="10" height="10" role="img" aria-label={name}>
      <circle cx="5" cy="5" r="5" fill={name === "simulated fault" ? "var(--nlp-bad)" : colourOf(status)} />
    </svg>
  );
}
