import { Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

/** A page's title and the sentence below it. */
export function PageHeader({
  title,
  children,
  aside,
}: {
  readonly title: string;
  readonly children: ReactNode;
  readonly aside?: ReactNode;
}): ReactNode {
  return (
    <header style={{ marginBottom: 28, display: "flex", gap: 16, flexWrap: "wrap", alignItems: "end" }}>
      <div style={{ flex: "1 1 420px" }}>
        <Title
          order={1}
          fz={{ base: 26, sm: 32 }}
          lh={1.2}
          style={{ letterSpacing: "-0.02em", textWrap: "balance" }}
        >
          {title}
        </Title>
        <Text c="var(--ink-soft)" mt={8} maw="64ch" fz={16} lh={1.6}>
          {children}
        </Text>
      </div>
      {aside}
    </header>
  );
}
