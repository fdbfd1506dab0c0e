"use client";
import { Button, Group, Stack, Text } from "@mantine/core";
import { getAccessToken, isBrowserTokenError } from "nolapse/react";
import { useCallback, useState, type ReactNode } from "react";

import { Panel } from "@/components/panel";
import { useLocale, useWords } from "@/components/words";

type Answer =
  | { readonly calls: number; readonly expiresAtMs: number | undefined }
  | { readonly calls: number; readonly code: string };

/** Asks for the token as a script of the page does, and shows how long it lives. The token itself is shown nowhere. */
export function TokenInHand(): ReactNode {
  const { token } = useWords().stream;
  const locale = useLocale();
  const [answer, setAnswer] = useState<Answer>();
  const ask = useCallback(async (calls: number) => {
    setAnswer(undefined);
    try {
      let expiresAtMs: number | undefined;
      for (let call = 0; call < calls; call++) ({ expiresAtMs } = await getAccessToken());
      setAnswer({ calls, expiresAtMs });
    } catch (error) {
      setAnswer({ calls, code: isBrowserTokenError(error) ? error.code : "failed" });
    }
  }, []);
  return (
    <Panel title={token.title}>
      <Stack gap="md">
        <Text size="sm">{token.text}</Text>
        <Group gap="sm">
          <Button variant="default" onClick={() => void ask(1)} data-testid="get-token">
            {token.once}
          </Button>
          <Button variant="default" onClick={() => void ask(100)} data-testid="get-token-often">
            {token.often}
          </Button>
        </Group>
        {answer !== undefined && (
          <Text
            size="sm"
            data-testid="token"
            data-calls={answer.calls}
            {...("code" in answer ? { "data-code": answer.code } : { "data-expires": answer.expiresAtMs })}
          >
            {"code" in answer
              ? token.none(answer.code)
              : token.until(answer.calls, new Date(answer.expiresAtMs ?? 0).toLocaleTimeString(locale))}
          </Text>
        )}
      </Stack>
    </Panel>
  );
}
