/**
 * The languages of the app.
 *
 * @module
 */
import { en, type Dictionary } from "@/lib/i18n/en";
import { ko } from "@/lib/i18n/ko";

export type { Dictionary } from "@/lib/i18n/en";

/** Every language, as the `lang` attribute writes it. */
export type Locale = "en" | "ko";

/** The cookie that remembers the chosen language. */
export const LOCALE_COOKIE = "locale";

const dictionaries: Readonly<Record<Locale, Dictionary>> = { en, ko };

/** The words of a language. */
export function dictionaryOf(locale: Locale): Dictionary {
  return dictionaries[locale];
}

/** The language to answer in: the remembered one, else the browser's first that there is, else English. */
export function localeFrom(cookie: string | undefined, acceptLanguage: string | null | undefined): Locale {
  if (cookie === "en" || cookie === "ko") return cookie;
  const wanted = (acceptLanguage ?? "")
    .slice(0, 500)
    .split(",")
    .map((part) => part.trim().slice(0, 2).toLowerCase());
  return wanted.find((tag): tag is Locale => tag === "en" || tag === "ko") ?? "en";
}
