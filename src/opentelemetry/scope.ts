/**
 * The name under which nolapse's metrics and spans appear.
 *
 * @module
 */

/** The instrumentation scope. */
export const SCOPE = "nolapse";
