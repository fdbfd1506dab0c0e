import { Badge } from "@mantine/core";
import type { Metadata } from "next";
import type { ReactNode } from "react";

import { EndButton, EndSeveral, SignOutButton } from "@/app/sessions/end-buttons";
import { ProblemNote } from "@/components/orders-result";
import { PageHeader } from "@/components/page-header";
import { Panel } from "@/components/panel";
import { listSessions, type ListedSession } from "@/lib/auth";
import { dictionaryOf, type Locale } from "@/lib/i18n";
import { requestDictionary, requestLocale } from "@/lib/i18n/request-locale";
import { redirectToSignIn } from "@/lib/page-token";
import { problemFrom, type Problem } from "@/lib/problems";
import { relativeTime } from "@/lib/relative-time";

import classes from "./sessions.module.css";

const PATH = "/sessions";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await requestDictionary()).sessions.title };
}

/** Where the user is signed in, and the ways to end it. */
export default async function SessionsPage(): Promise<ReactNode> {
  const locale = await requestLocale();
  const { sessions: words } = dictionaryOf(locale);
  const found = await loadSessions();
  return (
    <div data-testid="sessions">
      <PageHeader title={words.title}>{words.text}</PageHeader>
      <Panel title={words.listTitle}>
        {"code" in found ? <ProblemNote problem={found} /> : <SessionList sessions={found} locale={locale} />}
      </Panel>
    </div>
  );
}

async function loadSessions(): Promise<readonly ListedSession[] | Problem> {
  try {
    return await listSessions();
  } catch (error) {
    const problem = problemFrom(error);
    redirectToSignIn(problem, PATH);
    return problem;
  }
}

function SessionList({
  sessions,
  locale,
}: {
  readonly sessions: readonly ListedSession[];
  readonly locale: Locale;
}): ReactNode {
  const nowMs = Date.now();
  return (
    <>
      <ul className={classes.list}>
        {sessions.map((session) => (
          <SessionRow key={session.ref} session={session} locale={locale} nowMs={nowMs} />
        ))}
      </ul>
      <EndSeveral hasOthers={sessions.length > 1} />
    </>
  );
}

function SessionRow({
  session,
  locale,
  nowMs,
}: {
  readonly session: ListedSession;
  readonly locale: Locale;
  readonly nowMs: number;
}): ReactNode {
  const { sessions: words, live } = dictionaryOf(locale);
  const { ref, isThisSession, providers, signedInAtMs, lastRefreshAtMs, absoluteEndMs } = session;
  const when = (timeMs: number): string => relativeTime(timeMs, nowMs, locale);
  const title = words.signedIn(when(signedInAtMs));
  return (
    <li className={classes.row} data-testid="session" data-this={isThisSession}>
      <div className={classes.words}>
        <strong className={classes.title}>
          {title}
          {isThisSession && (
            <Badge variant="light" size="sm" radius="sm" tt="none">
              {words.here}
            </Badge>
          )}
        </strong>
        <span>{words.by(providers.map((id) => live.providers[id] ?? id).join(", "))}</span>
        <span>
          {words.refreshed(when(lastRefreshAtMs))} · {words.ends(when(absoluteEndMs))}
        </span>
      </div>
      {isThisSession ? <SignOutButton /> : <EndButton sessionRef={ref} label={words.endThis(title)} />}
    </li>
  );
}
