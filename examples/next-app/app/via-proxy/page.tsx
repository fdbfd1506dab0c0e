import { Text } from "@mantine/core";
import type { Metadata } from "next";
import { headers } from "next/headers";
import type { ReactNode } from "react";

import { DoorLayout } from "@/components/door-layout";
import { Panel } from "@/components/panel";
import { dictionaryOf } from "@/lib/i18n";
import { requestDictionary, requestLocale } from "@/lib/i18n/request-locale";
import { TOKEN_LEFT_HEADER } from "@/lib/proxy-header";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await requestDictionary()).doors.viaProxy.title };
}

/** Shows what the proxy found out. The page itself asks for nothing. */
export default async function ViaProxyPage(): Promise<ReactNode> {
  const [locale, sent] = await Promise.all([requestLocale(), headers()]);
  const { orders, proxy } = dictionaryOf(locale);
  const leftMs = sent.get(TOKEN_LEFT_HEADER);
  return (
    <DoorLayout door="viaProxy" locale={locale}>
      <Panel title={proxy.told}>
        <Text c="var(--ink-soft)">{proxy.text}</Text>
        <Text
          fz={48}
          fw={620}
          lh={1.2}
          mt={8}
          c="var(--fresh)"
          className="tabular"
          data-testid="proxy-token-left"
        >
          {leftMs === null ? orders.endless : orders.seconds(Math.floor(Number(leftMs) / 1000))}
        </Text>
      </Panel>
    </DoorLayout>
  );
}
