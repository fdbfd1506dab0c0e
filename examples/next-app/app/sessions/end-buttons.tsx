"use client";
/**
 * The buttons that end sessions.
 *
 * @module
 */
import { Button, Group } from "@mantine/core";
import { signOut } from "next-auth/react";
import { useActionState, type ReactNode } from "react";

import { endAll, endOne, endOthers } from "@/app/sessions/actions";
import { ProblemNote } from "@/components/orders-result";
import { useWords } from "@/components/words";
import { withBasePath } from "@/lib/base-path";
import type { Problem } from "@/lib/problems";

/** Ends the session of another browser. */
export function EndButton({
  sessionRef,
  label,
}: {
  readonly sessionRef: string;
  readonly label: string;
}): ReactNode {
  const { sessions } = useWords();
  return (
    <EndForm run={() => endOne(sessionRef)} testId="end-one" label={label}>
      {sessions.end}
    </EndForm>
  );
}

/** Signs this browser out. */
export function SignOutButton(): ReactNode {
  const { app } = useWords();
  return (
    <Button variant="default" size="xs" onClick={() => void leave()}>
      {app.signOut}
    </Button>
  );
}

/** Ends all other sessions, or all of them. */
export function EndSeveral({ hasOthers }: { readonly hasOthers: boolean }): ReactNode {
  const { sessions } = useWords();
  return (
    <Group gap="sm" align="start">
      {hasOthers && (
        <EndForm run={endOthers} testId="end-others">
          {sessions.endOthers}
        </EndForm>
      )}
      <EndForm run={endEverywhere} testId="end-all" color="red">
        {sessions.endAll}
      </EndForm>
    </Group>
  );
}

function EndForm({
  run,
  testId,
  label,
  color,
  children,
}: {
  readonly run: () => Promise<Problem | null>;
  readonly testId: string;
  readonly label?: string;
  readonly color?: string;
  readonly children: ReactNode;
}): ReactNode {
  const [problem, submit, running] = useActionState<Problem | null>(run, null);
  return (
    <form action={submit}>
      {problem === null ? (
        <Button
          type="submit"
          loading={running}
          size="xs"
          {...(color === undefined ? { variant: "default" } : { variant: "light", color })}
          aria-label={label}
          data-testid={testId}
        >
          {children}
        </Button>
      ) : (
        <ProblemNote problem={problem} />
      )}
    </form>
  );
}

/** The session of this browser has ended in the store by then; NextAuth's sign-out takes the cookie. */
async function endEverywhere(): Promise<Problem | null> {
  const problem = await endAll();
  if (problem === null) await leave();
  return problem;
}

async function leave(): Promise<void> {
  await signOut({ callbackUrl: withBasePath("/signin?callbackUrl=%2Fsessions&reason=signed_out") });
}
