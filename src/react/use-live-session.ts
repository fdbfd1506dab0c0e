"use client";
/**
 * How nolapse's hooks reach the provider above them.
 *
 * @module
 */
import { useContext } from "react";
import { LiveContext } from "./live-context.ts";
import type { LiveSession } from "./live-session.ts";

/** The live session of the provider above. Throws where there is none: bad configuration shows at the first render. */
export function useLiveSession(name: string): LiveSession {
  const live = useContext(LiveContext);
  if (!live)
    throw new Error(`${name} has to be below the SessionProvider of nolapse/react: put one around the app`);
  return live;
}
