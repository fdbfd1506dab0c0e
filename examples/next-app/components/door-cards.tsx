"use client";
import { IconArrowRight } from "@tabler/icons-react";
import Link from "next/link";
import type { ReactNode } from "react";

import { DOORS } from "@/components/shell";
import { useWords } from "@/components/words";
import type { Dictionary } from "@/lib/i18n";

import classes from "./door-cards.module.css";

/** The five pages that ask for a token, as a list of links. */
export function DoorCards(): ReactNode {
  const { doors } = useWords();
  return (
    <ul className={classes.list}>
      {DOORS.map(({ href, label, icon: Icon }) => {
        const { title, text } = doors[label as keyof Dictionary["doors"]];
        return (
          <li key={href}>
            <Link href={href} prefetch={false} className={classes.row}>
              <Icon size={22} stroke={1.6} />
              <span className={classes.words}>
                <strong>{title}</strong>
                <span>{text}</span>
              </span>
              <IconArrowRight size={18} stroke={1.7} className={classes.arrow} />
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
