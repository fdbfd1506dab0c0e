"use client";
/**
 * A panel that shows what a tab does about its token, and puts it to the test. Absent from production builds.
 *
 * @module
 */
export { DevtoolsPanel, NolapseDevtools } from "./gate.tsx";
export type { DevtoolsActions } from "./buttons.tsx";
export type { NolapseDevtoolsProps } from "./drawer.tsx";
export type { DevtoolsPanelProps } from "./panel.tsx";
