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

/** `session`: what the server already knows, so that the first picture is the right one. */
export function AppProviders({
  locale,
  session,
  children,
}: {
  readonly locale: Locale;
  readonly session: Session | null;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <LocaleContext value={locale}>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        <SessionProvider session={session} basePath={withBasePath("/api/auth")}>
          <Shell>{children}</Shell>
        </SessionProvider>
      </MantineProvider>
    </LocaleContext>
  );
}
