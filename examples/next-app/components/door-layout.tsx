import { SimpleGrid } from "@mantine/core";
import type { ReactNode } from "react";

import { PageHeader } from "@/components/page-header";
import { CodePanel } from "@/components/panel";
import { dictionaryOf, type Dictionary, type Locale } from "@/lib/i18n";
import { SNIPPETS } from "@/components/snippets";

/** One of the five pages that show a way to ask for the token: what it is, what came, and the code. */
export function DoorLayout({
  door,
  locale,
  children,
}: {
  readonly door: keyof Dictionary["doors"];
  readonly locale: Locale;
  readonly children: ReactNode;
}): ReactNode {
  const words = dictionaryOf(locale);
  return (
    <div data-testid={`door-${door}`}>
      <PageHeader title={words.doors[door].title}>{words.doors[door].text}</PageHeader>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg" style={{ alignItems: "start" }}>
        {children}
        <CodePanel title={words.orders.code} code={SNIPPETS[door]} />
      </SimpleGrid>
    </div>
  );
}
