import "@/components/styles";

import type { AppProps } from "next/app";
import Head from "next/head";
import type { Session } from "next-auth";
import type { ReactNode } from "react";

import { AppProviders } from "@/components/app-providers";
import type { Locale } from "@/lib/i18n";
import type { KeepAlive } from "@/lib/settings";

interface PageProps {
  readonly locale?: Locale;
  readonly session?: Session | null;
  readonly keepAlive?: KeepAlive;
}

export default function App({ Component, pageProps }: AppProps<PageProps>): ReactNode {
  const { locale = "en", session = null, keepAlive } = pageProps;
  return (
    <AppProviders locale={locale} session={session} {...(keepAlive && { keepAlive })}>
      <Head>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
      </Head>
      <Component {...pageProps} />
    </AppProviders>
  );
}
