import { Stack } from "@mantine/core";
import type { Metadata } from "next";
import type { ReactNode } from "react";

import { ClientOrders } from "@/app/client/client-orders";
import { DirectCalls } from "@/app/client/direct-calls";
import { DoorLayout } from "@/components/door-layout";
import { requestDictionary, requestLocale } from "@/lib/i18n/request-locale";
import { requireSignIn } from "@/lib/page-token";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await requestDictionary()).doors.client.title };
}

/** A client component that calls the app's own routes. */
export default async function ClientPage(): Promise<ReactNode> {
  await requireSignIn("/client");
  return (
    <DoorLayout door="client" locale={await requestLocale()}>
      <Stack gap="lg">
        <ClientOrders />
        <DirectCalls />
      </Stack>
    </DoorLayout>
  );
}
