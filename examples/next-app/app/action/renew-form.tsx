"use client";
import { Button, Stack, Text } from "@mantine/core";
import { useActionState, type ReactNode } from "react";

import { renewMyToken, type RenewOutcome } from "@/app/action/actions";
import { ProblemNote } from "@/components/orders-result";
import { Panel } from "@/components/panel";
import { useLocale, useWords } from "@/components/words";

/** Renews the token on the server. The other tabs of this browser learn of it without asking. */
export function RenewForm(): ReactNode {
  const { renew } = useWords().action;
  const locale = useLocale();
  const [outcome, run, running] = useActionState<RenewOutcome | null>(() => renewMyToken(), null);
  const endMs = outcome?.ok ? outcome.expiresAtMs : undefined;
  return (
    <Panel title={renew.title}>
      <form action={run}>
        <Stack gap="md" align="start" aria-live="polite">
          <Text size="sm">{renew.text}</Text>
          <Button type="submit" variant="default" loading={running} data-testid="renew">
            {renew.run}
          </Button>
          {endMs !== undefined && (
            <Text size="sm" data-testid="renewed" data-expires={endMs}>
              {renew.until(new Date(endMs).toLocaleTimeString(locale))}
            </Text>
          )}
          {outcome?.ok === false && <ProblemNote problem={outcome.problem} />}
        </Stack>
      </form>
    </Panel>
  );
}
