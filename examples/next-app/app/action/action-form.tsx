"use client";
import { Button, Stack, Textarea } from "@mantine/core";
import { useActionState, useState, type ReactNode } from "react";

import { loadMyOrders } from "@/app/action/actions";
import { OrdersResult } from "@/components/orders-result";
import { Panel } from "@/components/panel";
import { useWords } from "@/components/words";
import type { OrdersOutcome } from "@/lib/orders";

/** The note is not sent anywhere: it is there to show that typing is left alone while tokens are renewed. */
export function ActionForm(): ReactNode {
  const { action, orders } = useWords();
  const [note, setNote] = useState("");
  const [outcome, run, running] = useActionState<OrdersOutcome | null>(() => loadMyOrders(), null);
  return (
    <Panel title={orders.title}>
      <form action={run}>
        <Stack gap="md">
          <Textarea
            label={action.note}
            placeholder={action.notePlaceholder}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
            minRows={3}
            autosize
            data-testid="note"
          />
          <div>
            <Button type="submit" loading={running} data-testid="run-action">
              {action.run}
            </Button>
          </div>
        </Stack>
      </form>
      {outcome !== null && (
        <div style={{ marginTop: 24 }} aria-live="polite">
          <OrdersResult outcome={outcome} />
        </div>
      )}
    </Panel>
  );
}
