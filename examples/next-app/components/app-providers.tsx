"use client";
/**
 * What every page of both routers stands in: look, language and session.
 *
 * @module
 */
import { MantineProvider } from "@mantine/core";
import type { Session } from "next-auth";
import { SessionProvider } from "nolapse/react";
import type { ReactNode } from "react";

import { Shell } from "@/components/shell";
import { theme } from "@/components/theme";
import { LocaleContext } from "@/components/words";
import { withBasePath } from "@/lib/base-path";
import type { Locale } from "@/lib/i18n";
import type { KeepAlive } from "@/lib/settings";

/**
 * `session`: what the server already knows, so that the first picture is the right one. `keepAlive`: the server's setting,
 * which the browser does not see.
 */
export function AppProviders({
  locale,
  session,
  keepAlive,
  children,
}: {
  readonly locale: Locale;
  readonly session: Session | null;
  readonly keepAlive?: KeepAlive;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <LocaleContext value={locale}>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        <SessionProvider session={session} basePath={withBasePath("/api/auth")} {...keepAlive}>
          <Shell>{children}</Shell>
        </SessionProvider>
      </MantineProvider>
    </LocaleContext>
  );
}
