import type { GetServerSideProps } from "next";
import Head from "next/head";
import type { Session } from "next-auth";
import type { ReactNode } from "react";

import { DoorLayout } from "@/components/door-layout";
import { OrdersResult } from "@/components/orders-result";
import { Panel } from "@/components/panel";
import { getAccessToken, readSession } from "@/lib/auth";
import { signInPath } from "@/lib/callback-url";
import { dictionaryOf, LOCALE_COOKIE, localeFrom, type Locale } from "@/lib/i18n";
import { loadOrders, type OrdersOutcome } from "@/lib/orders";
import { needsSignIn } from "@/lib/problems";
import { KEEP_ALIVE, type KeepAlive } from "@/lib/settings";

interface Props {
  readonly locale: Locale;
  readonly session: Session | null;
  readonly keepAlive: KeepAlive;
  readonly outcome: OrdersOutcome;
}

export const getServerSideProps: GetServerSideProps<Props> = async (ctx) => {
  const outcome = await loadOrders(() => getAccessToken(ctx));
  if (!outcome.ok && needsSignIn(outcome.problem)) {
    return {
      redirect: { destination: signInPath("/pages-router", outcome.problem.reason), permanent: false },
    };
  }
  const locale = localeFrom(ctx.req.cookies[LOCALE_COOKIE], ctx.req.headers["accept-language"]);
  const session = await readSession(ctx);
  // Props have to be plain JSON, and a session may hold members that are undefined.
  const plain = JSON.parse(JSON.stringify(session)) as Session | null;
  return { props: { locale, session: plain, keepAlive: KEEP_ALIVE, outcome } };
};

export default function PagesRouterPage({ locale, outcome }: Props): ReactNode {
  const { app, doors, orders } = dictionaryOf(locale);
  return (
    <>
      <Head>
        <title>{`${doors.pagesRouter.title} · ${app.name}`}</title>
      </Head>
      <DoorLayout door="pagesRouter" locale={locale}>
        <Panel title={orders.title}>
          <OrdersResult outcome={outcome} />
        </Panel>
      </DoorLayout>
    </>
  );
}
