import "@/components/styles";

import { ColorSchemeScript, mantineHtmlProps } from "@mantine/core";
import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";

import { AppProviders } from "@/components/app-providers";
import { readSession } from "@/lib/auth";
import { requestDictionary, requestLocale } from "@/lib/i18n/request-locale";
import { KEEP_ALIVE } from "@/lib/settings";

export async function generateMetadata(): Promise<Metadata> {
  const { app } = await requestDictionary();
  return { title: { default: `${app.name} · ${app.tagline}`, template: `%s · ${app.name}` } };
}

export const viewport: Viewport = {
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f7f7f3" },
    { media: "(prefers-color-scheme: dark)", color: "#0f1413" },
  ],
};

export default async function RootLayout({ children }: { readonly children: ReactNode }): Promise<ReactNode> {
  const [locale, session] = await Promise.all([requestLocale(), readSession()]);
  return (
    <html lang={locale} {...mantineHtmlProps}>
      <head>
        <ColorSchemeScript defaultColorScheme="auto" />
      </head>
      <body>
        <AppProviders locale={locale} session={session} keepAlive={KEEP_ALIVE}>
          {children}
        </AppProviders>
      </body>
    </html>
  );
}
