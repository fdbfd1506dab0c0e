import type { ReactNode } from "react";

import classes from "./panel.module.css";

/** A surface with a title. */
export function Panel({
  title,
  aside,
  children,
  ...rest
}: {
  readonly title?: string;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
  readonly "data-testid"?: string;
}): ReactNode {
  return (
    <section className={classes.panel} {...rest}>
      {title !== undefined && (
        <div className={classes.head}>
          <h2 className={classes.title}>{title}</h2>
          {aside}
        </div>
      )}
      <div className={classes.body}>{children}</div>
    </section>
  );
}

/** Source code. What stands between `**` is emphasised. */
export function CodePanel({ title, code }: { readonly title: string; readonly code: string }): ReactNode {
  return (
    <section className={classes.panel} aria-label={title}>
      <div className={classes.head} style={{ paddingBottom: 14 }}>
        <h2 className={classes.title}>{title}</h2>
      </div>
      <pre className={classes.code} tabIndex={0}>
        <code>
          {code.split("**").map((part, place) => (place % 2 === 1 ? <em key={place}>{part}</em> : part))}
        </code>
      </pre>
    </section>
  );
}
