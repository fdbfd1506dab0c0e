import { Alert } from "@mantine/core";
import type { Metadata } from "next";
import { headers } from "next/headers";
import type { ReactNode } from "react";

import { SignInForm } from "@/app/signin/sign-in-form";
import { LinkButton } from "@/components/link-button";
import { APP_URL, readSession, SIGN_IN_AGAIN } from "@/lib/auth";
import { withBasePath } from "@/lib/base-path";
import { ownPath } from "@/lib/callback-url";
import { dictionaryOf, type Dictionary } from "@/lib/i18n";
import { requestDictionary, requestLocale } from "@/lib/i18n/request-locale";
import { extraProviders } from "@/lib/optional-providers";
import { tokenStateOf } from "@/lib/token-state";

import classes from "./signin.module.css";

type Query = Readonly<Record<string, string | string[] | undefined>>;

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await requestDictionary()).signin.title };
}

/** The app's own sign-in page. It says why one is here and where one goes next. */
export default async function SignInPage({
  searchParams,
}: {
  readonly searchParams: Promise<Query>;
}): Promise<ReactNode> {
  const [query, locale, session, origins] = await Promise.all([
    searchParams,
    requestLocale(),
    readSession(),
    ownOrigins(),
  ]);
  const words = dictionaryOf(locale);
  const path = ownPath(one(query.callbackUrl), origins);
  const ended = tokenStateOf(session)?.status === "reauthentication_required";
  const name = session?.user?.name ?? session?.user?.email;
  const signedIn = Boolean(name) && !ended;
  return (
    <div className={classes.page}>
      <h1 className={classes.title}>{words.signin.title}</h1>
      <p className={classes.lead}>{words.signin.lead}</p>
      <Notice words={words} error={one(query.error)} reason={signedIn ? undefined : one(query.reason)} />
      {signedIn && name && (
        <Alert variant="light" mb="md" data-testid="already">
          <div className={classes.already}>
            {words.signin.already(name)}
            <LinkButton href={path} size="compact-sm" variant="default">
              {words.signin.goOn}
            </LinkButton>
          </div>
        </Alert>
      )}
      <SignInForm callbackUrl={withBasePath(path)} providers={extraProviders()} />
      {path !== "/" && (
        <p className={classes.back} data-testid="return-to">
          {words.signin.returnTo(path)}
        </p>
      )}
    </div>
  );
}

/** Why the visitor is here: a sign-in that failed, or one that has ended. */
function Notice({
  words,
  error,
  reason,
}: {
  readonly words: Dictionary;
  readonly error: string | undefined;
  readonly reason: string | undefined;
}): ReactNode {
  const { signin, reauth } = words;
  const ended = reason !== undefined || error === SIGN_IN_AGAIN;
  if (error === undefined && !ended) return null;
  const text = ended
    ? (own(reauth.reasons, reason) ?? reauth.unknown)
    : (own(signin.errors, error) ?? signin.unknownError);
  return (
    <Alert
      color={ended ? "yellow" : "red"}
      variant="light"
      mb="md"
      role="alert"
      title={ended ? reauth.title : signin.errorTitle}
      data-testid={ended ? "signin-reason" : "signin-error"}
      data-code={ended ? (reason ?? error) : error}
    >
      {text}
    </Alert>
  );
}

/** A text by a name that came in the address: only the table's own entries count. */
function own(texts: Readonly<Record<string, string>>, name: string | undefined): string | undefined {
  return name !== undefined && Object.hasOwn(texts, name) ? texts[name] : undefined;
}

function one(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value.slice(0, 2000) : undefined;
}

async function ownOrigins(): Promise<string[]> {
  const host = (await headers()).get("host");
  return [
    ...(host === null ? [] : [`http://${host}`, `https://${host}`]),
    ...(APP_URL !== undefined && URL.canParse(APP_URL) ? [new URL(APP_URL).origin] : []),
  ];
}
