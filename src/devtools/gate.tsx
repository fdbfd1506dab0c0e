"use client";
/**
 * Keeps the panel out of production builds: there nothing of it is in the bundle, because bundlers know the condition.
 *
 * @module
 */
import { useEffect, useState, type ReactElement } from "react";
import type { NolapseDevtoolsProps } from "./drawer.tsx";
import type { DevtoolsPanelProps } from "./panel.tsx";

type Forms = typeof import("./production.ts");
type Component<Props> = (props: Props) => ReactElement | null;

// The whole condition stands in each place: what a bundler cannot see to be dead stays in the bundle.
const load = process.env.NODE_ENV === "production" ? none : () => import("./production.ts");

/**
 * A button in a corner of the window that opens the devtools panel in a drawer. In a production build it renders nothing, and
 * the panel is not in the bundle; `nolapse/devtools/production` has the same for those who want it there.
 *
 * It belongs below nolapse's `SessionProvider`, once per page.
 */
export const NolapseDevtools: Component<NolapseDevtoolsProps> =
  process.env.NODE_ENV === "production"
    ? none
    : (props) => {
        const forms = useForms();
        return forms && <forms.NolapseDevtools {...props} />;
      };

/** The devtools panel in the page, as wide as the place it stands in. Nothing in a production build. */
export const DevtoolsPanel: Component<DevtoolsPanelProps> =
  process.env.NODE_ENV === "production"
    ? none
    : (props) => {
        const forms = useForms();
        return forms && <forms.DevtoolsPanel {...props} />;
      };

function none(): null {
  return null;
}

/** `null` until they are there, and for good where they cannot be loaded. */
function useForms(): Forms | null {
  const [forms, setForms] = useState<Forms | null>(null);
  useEffect(() => {
    let isGone = false;
    void Promise.resolve(load()).then(
      (loaded) => isGone || setForms(loaded),
      () => undefined,
    );
    return () => {
      isGone = true;
    };
  }, []);
  return forms;
}
