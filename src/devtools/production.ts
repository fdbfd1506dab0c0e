"use client";
/**
 * The devtools panel in every build, production too: for a demonstration, or an operator's page.
 *
 * @module
 */
export { DevtoolsPanel } from "./panel.tsx";
export { NolapseDevtools } from "./drawer.tsx";
export type { DevtoolsActions } from "./buttons.tsx";
export type { NolapseDevtoolsProps } from "./drawer.tsx";
export type { DevtoolsPanelProps } from "./panel.tsx";
