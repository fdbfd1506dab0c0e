"use client";
import { Button, Divider, PasswordInput, Stack, TextInput } from "@mantine/core";
import { IconArrowRight } from "@tabler/icons-react";
import { signIn } from "next-auth/react";
import { useState, type FormEvent, type ReactNode } from "react";

import { useWords } from "@/components/words";

import classes from "./signin.module.css";

/** Demo logins of the bundled servers: public, they are part of the demonstration. */
const SERVER_LOGIN = "alice / alice-demo";
const BACKEND_LOGIN = "carol / carol-demo";

interface Props {
  readonly callbackUrl: string;
  readonly providers: readonly { readonly id: string; readonly name: string }[];
}

/** One button for each authorization server, and the backend's own login as a form. */
export function SignInForm({ callbackUrl, providers }: Props): ReactNode {
  const { signin } = useWords();
  const [leaving, setLeaving] = useState<string>();
  const leave = (id: string): void => {
    setLeaving(id);
    signIn(id, { callbackUrl }).catch(() => setLeaving(undefined));
  };
  return (
    <div className={classes.card}>
      <Stack gap="xs">
        <Button
          size="md"
          fullWidth
          rightSection={<IconArrowRight size={18} />}
          loading={leaving === "demo"}
          onClick={() => leave("demo")}
          data-testid="sign-in-demo"
        >
          {signin.with(signin.demo)}
        </Button>
        <p className={classes.hint}>
          {signin.demoHint} <code>{SERVER_LOGIN}</code>
        </p>
        {providers.map(({ id, name }) => (
          <Button
            key={id}
            size="md"
            variant="default"
            fullWidth
            loading={leaving === id}
            onClick={() => leave(id)}
            data-testid={`sign-in-${id}`}
          >
            {signin.with(name)}
          </Button>
        ))}
      </Stack>
      <Divider
        my="lg"
        label={signin.or}
        labelPosition="center"
        styles={{ label: { color: "var(--ink-soft)", fontSize: 13 } }}
      />
      <BackendLogin callbackUrl={callbackUrl} />
    </div>
  );
}

function BackendLogin({ callbackUrl }: { readonly callbackUrl: string }): ReactNode {
  const { signin } = useWords();
  const [error, setError] = useState<string>();
  const [working, setWorking] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setWorking(true);
    setError(undefined);
    const names = await credentialsSignIn(fields, callbackUrl);
    if (names === undefined) return window.location.assign(callbackUrl);
    setError(names.map((name) => signin.errors[name]).find(Boolean) ?? signin.unknownError);
    setWorking(false);
  };
  return (
    // Without scripts a form without a method would put the password into the address.
    <form method="post" onSubmit={(event) => void submit(event)} data-testid="credentials-form">
      <Stack gap="sm">
        <TextInput
          label={signin.username}
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          withAsterisk={false}
          maxLength={128}
        />
        <PasswordInput
          label={signin.password}
          name="password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          maxLength={256}
          error={error}
          errorProps={{ role: "alert", fz: 14 }}
        />
        <Button type="submit" variant="default" size="md" fullWidth mt={4} loading={working}>
          {working ? signin.working : signin.submit}
        </Button>
        <p className={classes.demo}>
          {signin.hint} <code>{BACKEND_LOGIN}</code>
        </p>
      </Stack>
    </form>
  );
}

/** NextAuth's answer; `error` is its name for what went wrong, and version 5 may have a `code` that says more. */
interface SignInResult {
  readonly ok?: boolean | undefined;
  readonly error?: string | null | undefined;
  readonly code?: string | undefined;
}

/** Signs in without leaving the page. Returns the names of what went wrong, the best one first; `undefined` if it worked. */
async function credentialsSignIn(
  fields: FormData,
  callbackUrl: string,
): Promise<readonly string[] | undefined> {
  try {
    const result: SignInResult | undefined = await signIn("credentials", {
      redirect: false,
      callbackUrl,
      username: text(fields, "username"),
      password: text(fields, "password"),
    });
    // A sign-in that the app's callbacks turned down is answered with status 200 and an error.
    if (result?.error) return [result.code ?? "", result.error];
    return result?.ok ? undefined : ["Callback"];
  } catch {
    return ["Callback"];
  }
}

function text(fields: FormData, name: string): string {
  const value = fields.get(name);
  return typeof value === "string" ? value : "";
}
