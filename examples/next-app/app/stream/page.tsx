import { SimpleGrid, Stack } from "@mantine/core";
import type { Metadata } from "next";
import type { ReactNode } from "react";

import { DirectCalls } from "@/app/client/direct-calls";
import { LiveSocket } from "@/app/stream/live-socket";
import { TokenInHand } from "@/app/stream/token-in-hand";
import { PageHeader } from "@/components/page-header";
import { requestDictionary } from "@/lib/i18n/request-locale";
import { requireSignIn } from "@/lib/page-token";
import { SOCKET_URL } from "@/lib/settings";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await requestDictionary()).stream.title };
}

/** Connections that outlive their token: a WebSocket with the token in the page, and an event stream without. */
export default async function StreamPage(): Promise<ReactNode> {
  await requireSignIn("/stream");
  const { stream } = await requestDictionary();
  return (
    <div>
      <PageHeader title={stream.title}>
        {SOCKET_URL === undefined ? stream.notExposed : stream.text}
      </PageHeader>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg" style={{ alignItems: "start" }}>
        {SOCKET_URL !== undefined && (
          <Stack gap="lg">
            <LiveSocket url={SOCKET_URL} />
            <TokenInHand />
          </Stack>
        )}
        <DirectCalls />
      </SimpleGrid>
    </div>
  );
}
