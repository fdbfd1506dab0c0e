"use client";
import { Button, type ButtonProps } from "@mantine/core";
import Link from "next/link";
import type { ReactNode } from "react";

/** A link that looks like a button, for server components. It is not fetched ahead. */
export function LinkButton({
  href,
  children,
  ...rest
}: ButtonProps & {
  readonly href: string;
  readonly children: ReactNode;
  readonly "data-testid"?: string;
}): ReactNode {
  return (
    <Button component={Link} href={href} prefetch={false} {...rest}>
      {children}
    </Button>
  );
}
