import { ColorSchemeScript, mantineHtmlProps } from "@mantine/core";
import Document, {
  Head,
  Html,
  Main,
  NextScript,
  type DocumentContext,
  type DocumentInitialProps,
} from "next/document";
import type { ReactElement } from "react";

import { withBasePath } from "@/lib/base-path";
import { LOCALE_COOKIE, localeFrom, type Locale } from "@/lib/i18n";

interface Props extends DocumentInitialProps {
  readonly locale: Locale;
}

export default class AppDocument extends Document<Props> {
  static override async getInitialProps(ctx: DocumentContext): Promise<Props> {
    const initial = await Document.getInitialProps(ctx);
    const cookies = (ctx.req as { cookies?: Partial<Record<string, string>> } | undefined)?.cookies;
    return { ...initial, locale: localeFrom(cookies?.[LOCALE_COOKIE], ctx.req?.headers["accept-language"]) };
  }

  override render(): ReactElement {
    return (
      <Html lang={this.props.locale} {...mantineHtmlProps}>
        <Head>
          <link rel="icon" href={withBasePath("/icon.svg")} type="image/svg+xml" />
          <ColorSchemeScript defaultColorScheme="auto" />
        </Head>
        <body>
          <Main />
          <NextScript />
        </body>
      </Html>
    );
  }
}
