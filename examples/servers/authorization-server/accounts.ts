/**
 * The people who can sign in at the demonstration's authorization server. Their passwords are public: the login
 * page shows them.
 *
 * @module
 */
import type { Account } from "oidc-provider";

import { passwordMatches } from "../lib/passwords.ts";

interface Person {
  readonly name: string;
  readonly email: string;
  readonly passwordHash: string;
}

const PEOPLE: ReadonlyMap<string, Person> = new Map([
  [
    "alice",
    {
      name: "Alice Kim",
      email: "alice@example.com",
      passwordHash: "qjyWHQBUnfZzoGygbCH3rg:i79a13HBUxmx1hMvV_p8zTI2B6r71tzqQvq7Quua16w",
    },
  ],
  [
    "bob",
    {
      name: "Bob Lee",
      email: "bob@example.com",
      passwordHash: "WL0QFkkrR8GhISBhBRgTjA:58vkbSErIvoUJTlINSSbGzzpS4GRrJREQtgSTiTSO1I",
    },
  ],
]);

/** What the login page offers. */
export const DEMO_LOGINS: readonly { readonly username: string; readonly password: string }[] = [
  { username: "alice", password: "alice-demo" },
  { username: "bob", password: "bob-demo" },
];

/** The account's id, or `undefined` if name and password do not fit together. */
export async function signIn(username: string, password: string): Promise<string | undefined> {
  const id = username.trim().toLowerCase().slice(0, 64);
  return (await passwordMatches(password, PEOPLE.get(id)?.passwordHash)) ? id : undefined;
}

/** The account as `oidc-provider` wants it; which claims of it are released is decided by the granted scopes. */
export function findAccount(id: string): Account | undefined {
  const person = PEOPLE.get(id);
  if (person === undefined) return undefined;
  return {
    accountId: id,
    claims: () => ({
      sub: id,
      name: person.name,
      preferred_username: id,
      email: person.email,
      email_verified: true,
    }),
  };
}
