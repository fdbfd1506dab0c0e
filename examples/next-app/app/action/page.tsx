import { Stack } from "@mantine/core";
import type { Metadata } from "next";
import type { ReactNode } from "react";

import { ActionForm } from "@/app/action/action-form";
import { RenewForm } from "@/app/action/renew-form";
import { DoorLayout } from "@/components/door-layout";
import { requestDictionary, requestLocale } from "@/lib/i18n/request-locale";
import { requireSignIn } from "@/lib/page-token";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await requestDictionary()).doors.action.title };
}

/** A form whose server action calls the API. */
export default async function ActionPage(): Promise<ReactNode> {
  await requireSignIn("/action");
  return (
    <DoorLayout door="action" locale={await requestLocale()}>
      <Stack gap="lg">
        <ActionForm />
        <RenewForm />
      </Stack>
    </DoorLayout>
  );
}
