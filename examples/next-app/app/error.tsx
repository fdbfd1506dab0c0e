"use client";
import { Button } from "@mantine/core";
import type { ReactNode } from "react";

import { PageHeader } from "@/components/page-header";
import { useWords } from "@/components/words";

export default function ErrorPage({
  reset,
}: {
  readonly error: Error;
  readonly reset: () => void;
}): ReactNode {
  const { states } = useWords();
  return (
    <div role="alert">
      <PageHeader title={states.errorTitle}>{states.errorText}</PageHeader>
      <Button onClick={reset}>{states.retry}</Button>
    </div>
  );
}
