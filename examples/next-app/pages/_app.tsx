import "@/components/styles";

import type { AppProps } from "next/app";
import Head from "next/head";
import type { Session } from "next-auth";
import type { ReactNode } from "react";

import { AppProviders } from "@/components/app-providers";
import type { Locale } from "@/lib/i18n";

interface PageProps {
  readonly locale?: Locale;
  readonly session?: Session | null;
}

export default function App({ Component, pageProps }: AppProps<PageProps>): ReactNode {
  return (
    <AppProviders locale={pageProps.locale ?? "en"} session={pageProps.session ?? null}>
      <Head>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
      </Head>
      <Component {...pageProps} />
    </AppProviders>
  );
}
