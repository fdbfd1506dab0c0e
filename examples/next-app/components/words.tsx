"use client";
/**
 * The current language, for components of both routers.
 *
 * @module
 */
import { createContext, useContext } from "react";

import { dictionaryOf, type Dictionary, type Locale } from "@/lib/i18n";

/** Holds the current language. */
export const LocaleContext = createContext<Locale>("en");

/** The current language. */
export function useLocale(): Locale {
  return useContext(LocaleContext);
}

/** The words of the current language. */
export function useWords(): Dictionary {
  return dictionaryOf(useLocale());
}
