/**
 * The language of the current request, for the App Router.
 *
 * @module
 */
import { cookies, headers } from "next/headers";

import { dictionaryOf, LOCALE_COOKIE, localeFrom, type Dictionary, type Locale } from "@/lib/i18n";

/** The language that the request asks for. */
export async function requestLocale(): Promise<Locale> {
  const [jar, sent] = await Promise.all([cookies(), headers()]);
  return localeFrom(jar.get(LOCALE_COOKIE)?.value, sent.get("accept-language"));
}

/** The words for the current request. */
export async function requestDictionary(): Promise<Dictionary> {
  return dictionaryOf(await requestLocale());
}
