/**
 * The people who can sign in at the backend itself, without the authorization server. Their passwords are public:
 * they are part of the demonstration.
 *
 * @module
 */
import { passwordMatches } from "../lib/passwords.ts";

interface Person {
  readonly name: string;
  readonly email: string;
  readonly passwordHash: string;
}

const PEOPLE: ReadonlyMap<string, Person> = new Map([
  [
    "carol",
    {
      name: "Carol Park",
      email: "carol@example.com",
      passwordHash: "_fKt_zB9JHSJF9FXiW0OaA:IhzM1QpmfrS3uI8KDVeMLFP2QI6KAKpjB5wzoHtOn4c",
    },
  ],
  [
    "dave",
    {
      name: "Dave Choi",
      email: "dave@example.com",
      passwordHash: "OrxzqLM928CuvmAf2YyhwA:cUSFMhOqPa3Sd7igPiXDIqSHGFW9DgDYmtlXZjOoNk8",
    },
  ],
]);

/** The user's id, or `undefined` if name and password do not fit together. */
export async function signIn(username: string, password: string): Promise<string | undefined> {
  const id = username.trim().toLowerCase().slice(0, 64);
  return (await passwordMatches(password, PEOPLE.get(id)?.passwordHash)) ? id : undefined;
}

/** What the backend says about a user who signed in at it. */
export function profileOf(id: string): { readonly name: string; readonly email: string } | undefined {
  const person = PEOPLE.get(id);
  return person && { name: person.name, email: person.email };
}
