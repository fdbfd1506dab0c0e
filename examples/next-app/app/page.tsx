import type { ReactNode } from "react";

import { Sawtooth } from "@/components/sawtooth";
import { DoorCards } from "@/components/door-cards";
import { LinkButton } from "@/components/link-button";
import { readSession } from "@/lib/auth";
import { signInPath } from "@/lib/callback-url";
import { requestDictionary } from "@/lib/i18n/request-locale";
import { TOKEN_TTL_MS } from "@/lib/settings";

import classes from "./page.module.css";

/** What this is, and what to try. */
export default async function OverviewPage(): Promise<ReactNode> {
  const [{ overview }, session] = await Promise.all([requestDictionary(), readSession()]);
  return (
    <>
      <section className={classes.hero}>
        <div>
          <h1 className={classes.title}>
            {overview.title.map((sentence) => (
              <span key={sentence}>{sentence} </span>
            ))}
          </h1>
          <p className={classes.lead}>{overview.lead(TOKEN_TTL_MS / 1000)}</p>
          <div className={classes.start}>
            <LinkButton href={session ? "/live" : signInPath("/live")} size="md" data-testid="start">
              {session ? overview.watch : overview.signIn}
            </LinkButton>
            {session && (
              <LinkButton href="/sessions" size="md" variant="default">
                {overview.sessions}
              </LinkButton>
            )}
          </div>
        </div>
        <Sawtooth />
      </section>

      <section className={classes.columns} aria-labelledby="how">
        <div>
          <h2 id="how" className={classes.heading}>
            {overview.how}
          </h2>
          <dl className={classes.steps}>
            {overview.steps.map(({ title, text }) => (
              <div key={title}>
                <dt>{title}</dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </div>
        <div>
          <h2 className={classes.heading}>{overview.tryTitle}</h2>
          <ul className={classes.tries}>
            {overview.tries.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </div>
      </section>

      <section aria-labelledby="doors">
        <h2 id="doors" className={classes.heading}>
          {overview.doorsTitle}
        </h2>
        <DoorCards />
      </section>
    </>
  );
}
