/**
 * What both charts of the timeline share, so that their times stand below each other.
 *
 * @module
 */

/** Room around the plot, in pixels. */
export const MARGIN = { top: 22, right: 12, bottom: 0, left: 0 };

/** Room for the vertical axis, in pixels. */
export const Y_AXIS_WIDTH = 44;

/** The stretch of time on both axes. Moments in epoch milliseconds by the server's clock. */
export interface TimeAxis {
  readonly fromMs: number;
  readonly toMs: number;
  readonly ticks: number[];
  readonly format: (atMs: number) => string;
}
