"use client";
import { Button, Stack, Text } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";

import { Panel } from "@/components/panel";
import { useWords } from "@/components/words";
import { openSocket, type SocketMessage } from "@/lib/socket";

interface Account {
  readonly messages: number;
  /** Numbers that are missing between two that came. */
  readonly lost: number;
  readonly last: number;
  /** Tokens that the API took over. */
  readonly tokens: number;
  readonly closes: number;
}

const NOTHING: Account = { messages: 0, lost: 0, last: 0, tokens: 0, closes: 0 };

/** A WebSocket of the API, and an account of what came over it. */
export function LiveSocket({ url }: { readonly url: string }): ReactNode {
  const { socket } = useWords().stream;
  const [isOpen, setOpen] = useState(false);
  const [account, setAccount] = useState(NOTHING);
  useEffect(() => {
    if (!isOpen) return;
    setAccount(NOTHING);
    return openSocket(url, {
      onMessage: (message) => setAccount((before) => withMessage(before, message)),
      // The API counts anew on the next one.
      onClose: () => setAccount((before) => ({ ...before, last: 0, closes: before.closes + 1 })),
    });
  }, [isOpen, url]);
  const { messages, lost, tokens, closes } = account;
  return (
    <Panel title={socket.title}>
      <Stack gap="md" align="start">
        <Text size="sm">{socket.text}</Text>
        <Button variant="default" onClick={() => setOpen(!isOpen)} data-testid="toggle-socket">
          {isOpen ? socket.close : socket.open}
        </Button>
        {tokens > 0 && (
          <Text
            size="sm"
            data-testid="socket"
            data-messages={messages}
            data-lost={lost}
            data-tokens={tokens}
            data-closes={closes}
          >
            {socket.account(messages, lost, tokens, closes)}
          </Text>
        )}
      </Stack>
    </Panel>
  );
}

function withMessage(before: Account, message: SocketMessage): Account {
  if ("ok" in message) return { ...before, tokens: before.tokens + 1 };
  const { count } = message;
  const lost = before.lost + count - before.last - 1;
  return { ...before, messages: before.messages + 1, lost, last: count };
}
