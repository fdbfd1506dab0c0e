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
