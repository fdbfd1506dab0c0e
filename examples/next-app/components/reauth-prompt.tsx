"use client";
import { Button, Group, Modal, Text } from "@mantine/core";
import Link from "next/link";
import { useSession } from "next-auth/react";
import { useState, type ReactNode } from "react";

import { useWords } from "@/components/words";
import { signInPath } from "@/lib/callback-url";
import { tokenStateOf } from "@/lib/token-state";

/** One prompt, on whatever page the user is, when only a new sign-in helps. It leads back to the same page. */
export function ReauthPrompt({ pathname }: { readonly pathname: string }): ReactNode {
  const { reauth } = useWords();
  const { data: session } = useSession();
  const [dismissed, setDismissed] = useState(false);
  const state = tokenStateOf(session);
  if (state?.status !== "reauthentication_required") return null;
  const query = typeof window === "undefined" ? "" : window.location.search;
  return (
    <Modal
      opened={!dismissed && pathname !== "/signin"}
      onClose={() => setDismissed(true)}
      title={reauth.title}
      centered
      withCloseButton={false}
      styles={{ title: { fontWeight: 620, fontSize: 20 } }}
    >
      <div data-testid="reauth-prompt">
        <Text data-testid="reauth-reason">{reauth.reasons[state.reason] ?? reauth.unknown}</Text>
        <Text c="var(--ink-soft)" size="sm" mt={6}>
          {reauth.text}
        </Text>
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={() => setDismissed(true)}>
            {reauth.later}
          </Button>
          <Button
            component={Link}
            href={signInPath(pathname + query, state.reason)}
            prefetch={false}
            data-autofocus
            data-testid="reauth-sign-in"
          >
            {reauth.signIn}
          </Button>
        </Group>
      </div>
    </Modal>
  );
}
