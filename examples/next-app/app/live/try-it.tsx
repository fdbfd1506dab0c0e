"use client";
import { Button } from "@mantine/core";
import { signOut } from "next-auth/react";
import { useState, type ReactNode } from "react";

import { useWords } from "@/components/words";
import { withBasePath } from "@/lib/base-path";
import { callRoute } from "@/lib/call-route";

import classes from "./live.module.css";

const MANY = 20;

/** Buttons that put the token to the test. */
export function TryIt(): ReactNode {
  const { live, app } = useWords();
  const [running, setRunning] = useState<number>();
  const [result, setResult] = useState("");
  const run = async (count: number): Promise<void> => {
    setRunning(count);
    const startMs = performance.now();
    const outcomes = await Promise.all(Array.from({ length: count }, () => callRoute("/api/orders")));
    const answered = outcomes.filter(({ ok }) => ok).length;
    setResult(live.try.result(answered, count, Math.round(performance.now() - startMs)));
    setRunning(undefined);
  };
  return (
    <section className={`${classes.card} ${classes.try}`}>
      <h2 className={classes.section}>{live.try.title}</h2>
      <Button
        fullWidth
        loading={running === 1}
        disabled={running === MANY}
        onClick={() => void run(1)}
        data-testid="call-one"
      >
        {live.try.one}
      </Button>
      <Button
        fullWidth
        variant="light"
        loading={running === MANY}
        disabled={running === 1}
        onClick={() => void run(MANY)}
        data-testid="call-many"
      >
        {live.try.many}
      </Button>
      <p className={classes.result} role="status" data-testid="call-result">
        {result}
      </p>
      <Button
        fullWidth
        variant="default"
        onClick={() => void signOut({ callbackUrl: withBasePath("/") })}
        data-testid="live-sign-out"
      >
        {app.signOut}
      </Button>
    </section>
  );
}
