"use client";
/**
 * How what stands below {@link SessionProvider} finds its live session.
 *
 * @module
 */
import { createContext, type Context } from "react";
import type { LiveSession } from "./live-session.ts";

/** `undefined` outside nolapse's provider. Never changes within one, so its readers do not render because of it. */
export const LiveContext: Context<LiveSession | undefined> = createContext<LiveSession | undefined>(
  undefined,
);

/** What of the page's providers was shown last, whether or not it still is. Empty on a server, because only an effect fills it. */
export const lastShown: { live?: LiveSession } = {};
