import type { ReactNode } from "react";

import { LinkButton } from "@/components/link-button";
import { PageHeader } from "@/components/page-header";
import { requestDictionary } from "@/lib/i18n/request-locale";

export default async function NotFound(): Promise<ReactNode> {
  const { states } = await requestDictionary();
  return (
    <>
      <PageHeader title={states.notFoundTitle}>{states.notFoundText}</PageHeader>
      <LinkButton href="/">{states.home}</LinkButton>
    </>
  );
}
