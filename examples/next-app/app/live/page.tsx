import type { Metadata } from "next";
import type { ReactNode } from "react";

import { LiveBoard } from "@/app/live/live-board";
import { requestDictionary } from "@/lib/i18n/request-locale";
import { requireSignIn } from "@/lib/page-token";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await requestDictionary()).live.title };
}

/** The token's life, as it happens. */
export default async function LivePage(): Promise<ReactNode> {
  await requireSignIn("/live");
  return <LiveBoard />;
}
