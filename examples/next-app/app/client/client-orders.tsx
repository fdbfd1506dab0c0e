"use client";
import { Button, Group } from "@mantine/core";
import { useCallback, useEffect, useState, type ReactNode } from "react";

import { OrdersResult, OrdersWaiting } from "@/components/orders-result";
import { Panel } from "@/components/panel";
import { useWords } from "@/components/words";
import { callRoute } from "@/lib/call-route";
import type { OrdersOutcome } from "@/lib/orders";

/** Calls a route at once and again at the press of a button. */
export function ClientOrders(): ReactNode {
  const { client, orders } = useWords();
  const [outcome, setOutcome] = useState<OrdersOutcome>();
  const [calling, setCalling] = useState(false);
  const call = useCallback(async (route: string) => {
    setCalling(true);
    setOutcome(await callRoute(route));
    setCalling(false);
  }, []);
  useEffect(() => {
    void call("/api/orders");
  }, [call]);
  return (
    <Panel title={orders.title}>
      {outcome === undefined ? <OrdersWaiting /> : <OrdersResult outcome={outcome} />}
      <Group mt="lg" gap="sm">
        <Button onClick={() => void call("/api/orders")} loading={calling} data-testid="call-route">
          {client.call}
        </Button>
        <Button
          variant="default"
          onClick={() => void call("/api/pages/orders")}
          disabled={calling}
          data-testid="call-pages-api"
        >
          {client.api}
        </Button>
      </Group>
    </Panel>
  );
}
