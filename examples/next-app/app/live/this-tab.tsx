"use client";
import { DevtoolsPanel } from "nolapse/devtools/production";
import type { ReactNode } from "react";

import { useWords } from "@/components/words";

import classes from "./live.module.css";

/** What this tab itself knows and does about the token: nolapse's own devtools panel, in a production build too. */
export function ThisTab(): ReactNode {
  const { tab } = useWords().live;
  return (
    <section className={`${classes.card} ${classes.tab}`} data-testid="this-tab">
      <h2 className={classes.section}>{tab.title}</h2>
      <p>{tab.lead}</p>
      <DevtoolsPanel />
    </section>
  );
}
