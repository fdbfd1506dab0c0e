"use client";
import { Button, Group, Stack, Text } from "@mantine/core";
import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";

import { ProblemNote } from "@/components/orders-result";
import { Panel } from "@/components/panel";
import { useWords } from "@/components/words";
import type { Problem } from "@/lib/problems";
import { callApi, eventsOf, problemOf } from "@/lib/token-handler";

/** Calls the API itself, through the app's token handler: once, and for an event stream. */
export function DirectCalls(): ReactNode {
  const { direct } = useWords().client;
  const [user, setUser] = useState<string>();
  const [ticks, setTicks] = useState(0);
  const [problem, setProblem] = useState<Problem>();
  const [streaming, setStreaming] = useState<AbortController>();
  const left = useRef(new AbortController());
  useEffect(() => {
    const page = (left.current = new AbortController());
    return () => page.abort();
  }, []);

  const ask = useCallback(async () => {
    setProblem(undefined);
    try {
      const answer = await callApi("/me", { signal: left.current.signal });
      if (answer.ok) setUser(((await answer.json()) as { sub: string }).sub);
      else setProblem(await problemOf(answer));
    } catch {
      if (!left.current.signal.aborted) setProblem({ code: "api_unavailable" });
    }
  }, []);
  const stream = useCallback(async () => {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, left.current.signal]);
    setProblem(undefined);
    setTicks(0);
    setStreaming(stop);
    try {
      const answer = await callApi("/ticks", { signal });
      if (!answer.ok) setProblem(await problemOf(answer));
      else for await (const data of eventsOf(answer)) setTicks((JSON.parse(data) as { count: number }).count);
    } catch {
      if (!signal.aborted) setProblem({ code: "api_unavailable" });
    }
    setStreaming(undefined);
  }, []);

  return (
    <Panel title={direct.title}>
      <Stack gap="md">
        <Text size="sm">{direct.text}</Text>
        <Group gap="sm">
          <Button variant="default" onClick={() => void ask()} data-testid="ask-api">
            {direct.call}
          </Button>
          {streaming === undefined ? (
            <Button variant="default" onClick={() => void stream()} data-testid="start-ticks">
              {direct.start}
            </Button>
          ) : (
            <Button variant="default" onClick={() => streaming.abort()} data-testid="stop-ticks">
              {direct.stop}
            </Button>
          )}
        </Group>
        {user !== undefined && (
          <Text size="sm" data-testid="api-user" data-user={user}>
            {direct.answered(user)}
          </Text>
        )}
        {ticks > 0 && (
          <Text size="sm" data-testid="ticks" data-count={ticks}>
            {direct.ticks(ticks)}
          </Text>
        )}
        {problem !== undefined && <ProblemNote problem={problem} />}
      </Stack>
    </Panel>
  );
}
