/** An adapter of NextAuth whose tables are maps: what both versions ask of one for users, accounts and sessions. */
import { randomUUID } from "node:crypto";

/** A row of the users' table. */
export interface UserRow {
  readonly id: string;
  readonly email: string;
  readonly name?: string | null;
  readonly emailVerified: Date | null;
}

interface AccountRow {
  readonly provider: string;
  readonly providerAccountId: string;
  readonly userId: string;
  readonly [column: string]: unknown;
}

interface SessionRow {
  readonly sessionToken: string;
  readonly userId: string;
  readonly expires: Date;
}

type AccountId = Pick<AccountRow, "provider" | "providerAccountId">;

/** Its tables, and the methods that NextAuth calls. */
export interface MemoryAdapter {
  readonly users: Map<string, UserRow>;
  readonly accounts: AccountRow[];
  readonly sessions: Map<string, SessionRow>;
  readonly methods: object;
}

/** Empty tables. */
export function memoryAdapter(): MemoryAdapter {
  const users = new Map<string, UserRow>();
  const accounts: AccountRow[] = [];
  const sessions = new Map<string, SessionRow>();
  const later = <Value>(value: Value): Promise<Value> => Promise.resolve(value);
  const userOf = (id: string | undefined): Promise<UserRow | null> => later(users.get(id ?? "") ?? null);
  const put = (user: UserRow): Promise<UserRow> => {
    users.set(user.id, user);
    return later(user);
  };
  return {
    users,
    accounts,
    sessions,
    methods: {
      createUser: (user: Omit<UserRow, "id">) => put({ ...user, id: randomUUID() }),
      getUser: userOf,
      getUserByEmail: (email: string) =>
        later([...users.values()].find((user) => user.email === email) ?? null),
      getUserByAccount: ({ provider, providerAccountId }: AccountId) =>
        userOf(
          accounts.find((each) => each.provider === provider && each.providerAccountId === providerAccountId)
            ?.userId,
        ),
      updateUser: (user: Partial<UserRow> & { id: string }) =>
        put({ ...(users.get(user.id) as UserRow), ...user }),
      deleteUser: (id: string) => later(void users.delete(id)),
      linkAccount: (account: AccountRow) => later(void accounts.push(account)),
      createSession(session: SessionRow) {
        sessions.set(session.sessionToken, session);
        return later(session);
      },
      getSessionAndUser(sessionToken: string) {
        const session = sessions.get(sessionToken);
        const user = session && users.get(session.userId);
        return later(session && user ? { session, user } : null);
      },
      updateSession(change: Partial<SessionRow> & { sessionToken: string }) {
        const session = sessions.get(change.sessionToken);
        if (!session) return later(null);
        sessions.set(session.sessionToken, { ...session, ...change });
        return later({ ...session, ...change });
      },
      // Version 5 asks every adapter for these two, once it has seen an e-mail provider in the process.
      createVerificationToken: later,
      useVerificationToken: () => later(null),
      deleteSession: (sessionToken: string) => later(void sessions.delete(sessionToken)),
    },
  };
}
