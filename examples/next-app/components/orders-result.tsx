"use client";
/**
 * What an API call brought: orders, or what went wrong.
 *
 * @module
 */
import { Alert, Button, Skeleton, Stack } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";

import { useLocale, useWords } from "@/components/words";
import { withBasePath } from "@/lib/base-path";
import { signInPath } from "@/lib/callback-url";
import type { Locale } from "@/lib/i18n";
import type { Order, OrdersOutcome } from "@/lib/orders";
import { needsSignIn, type Problem } from "@/lib/problems";

import classes from "./orders-result.module.css";

export function OrdersResult({ outcome }: { readonly outcome: OrdersOutcome }): ReactNode {
  if (!outcome.ok) return <ProblemNote problem={outcome.problem} />;
  return <OrdersTable orders={outcome.orders} tokenLeftMs={outcome.tokenLeftMs} />;
}

function OrdersTable({
  orders,
  tokenLeftMs,
}: {
  readonly orders: readonly Order[];
  readonly tokenLeftMs: number | null;
}): ReactNode {
  const { orders: words } = useWords();
  const locale = useLocale();
  if (orders.length === 0) return <p data-testid="orders">{words.none}</p>;
  return (
    <div data-testid="orders">
      <table className={classes.table}>
        <caption className="mantine-visually-hidden" style={{ position: "absolute", clipPath: "inset(50%)" }}>
          {words.caption}
        </caption>
        <thead>
          <tr>
            <th scope="col">{words.id}</th>
            <th scope="col">{words.item}</th>
            <th scope="col">{words.price}</th>
            <th scope="col">{words.status}</th>
          </tr>
        </thead>
        <tbody>
          {orders.map((order) => (
            <tr key={order.id} data-testid="order">
              <td className={classes.id}>{order.id}</td>
              <td>{order.item[locale]}</td>
              <td className={classes.price}>{priceOf(order, locale)}</td>
              <td>
                <span className={classes.status} data-status={order.status}>
                  {words.statuses[order.status] ?? order.status}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className={classes.foot}>
        {words.left}{" "}
        <strong data-testid="token-left">
          {tokenLeftMs === null ? words.endless : words.seconds(Math.floor(tokenLeftMs / 1000))}
        </strong>
      </p>
    </div>
  );
}

function priceOf(order: Order, locale: Locale): string {
  return new Intl.NumberFormat(locale, { style: "currency", currency: "KRW" }).format(order.priceKrw);
}

/** A problem, and the way out of it. */
export function ProblemNote({
  problem,
  onRetry,
}: {
  readonly problem: Problem;
  readonly onRetry?: () => void;
}): ReactNode {
  const { problems, reauth } = useWords();
  const pathname = usePathname() ?? "/";
  const reason =
    problem.reason === undefined ? undefined : (reauth.reasons[problem.reason] ?? reauth.unknown);
  return (
    <Alert
      color={needsSignIn(problem) ? "yellow" : "red"}
      variant="light"
      icon={<IconAlertTriangle size={20} />}
      title={problems.title}
      data-testid="problem"
      data-code={problem.code}
    >
      <Stack gap="sm" align="start">
        <span>
          {problems[problem.code]} {reason}
        </span>
        {needsSignIn(problem) ? (
          <Button component="a" href={withBasePath(signInPath(pathname, problem.reason))} size="xs">
            {reauth.signIn}
          </Button>
        ) : (
          <Button variant="default" size="xs" onClick={onRetry ?? (() => window.location.reload())}>
            {problems.retry}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

/** Stands where orders will be. */
export function OrdersWaiting(): ReactNode {
  const { orders } = useWords();
  return (
    <Stack gap={14} role="status" aria-label={orders.loading}>
      {[0, 1, 2, 3].map((row) => (
        <Skeleton key={row} height={row === 0 ? 14 : 26} radius="sm" />
      ))}
    </Stack>
  );
}
