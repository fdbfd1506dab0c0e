import type { Metadata } from "next";
import { Suspense, type ReactNode } from "react";

import { DoorLayout } from "@/components/door-layout";
import { OrdersResult, OrdersWaiting } from "@/components/orders-result";
import { Panel } from "@/components/panel";
import { getAccessToken } from "@/lib/auth";
import { dictionaryOf } from "@/lib/i18n";
import { requestDictionary, requestLocale } from "@/lib/i18n/request-locale";
import { loadOrders } from "@/lib/orders";
import { requireSignIn, signedInOutcome } from "@/lib/page-token";

const PATH = "/protected";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await requestDictionary()).doors.protected.title };
}

/** Asks for the token while rendering. Who is not signed in is redirected before anything is sent. */
export default async function ProtectedPage(): Promise<ReactNode> {
  await requireSignIn(PATH);
  const locale = await requestLocale();
  return (
    <DoorLayout door="protected" locale={locale}>
      <Panel title={dictionaryOf(locale).orders.title}>
        <Suspense fallback={<OrdersWaiting />}>
          <Orders />
        </Suspense>
      </Panel>
    </DoorLayout>
  );
}

async function Orders(): Promise<ReactNode> {
  const outcome = signedInOutcome(await loadOrders(getAccessToken), PATH);
  return <OrdersResult outcome={outcome} />;
}
