"use client";
import { Avatar, Button, Menu, Text, UnstyledButton } from "@mantine/core";
import { IconLogout } from "@tabler/icons-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { signOut, useSession } from "next-auth/react";
import type { ReactNode } from "react";

import { useWords } from "@/components/words";
import { withBasePath } from "@/lib/base-path";
import { signInPath } from "@/lib/callback-url";

/** Who is signed in and the way out; or the way in. */
export function UserMenu(): ReactNode {
  const { app } = useWords();
  const { data: session } = useSession();
  const pathname = usePathname() ?? "/";
  const name = session?.user?.name ?? session?.user?.email;
  if (!name) {
    if (pathname === "/signin") return null;
    return (
      <Button
        component={Link}
        href={signInPath(pathname)}
        prefetch={false}
        size="xs"
        ml={4}
        data-testid="sign-in"
      >
        {app.signIn}
      </Button>
    );
  }
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <UnstyledButton
          aria-label={app.signedInAs(name)}
          ml={4}
          style={{ borderRadius: 999 }}
          data-testid="user"
        >
          <Avatar size={32} color="leaf" name={name} />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Text px="sm" py={6} size="sm" c="var(--ink-soft)" data-testid="user-name">
          {app.signedInAs(name)}
        </Text>
        <Menu.Divider />
        <Menu.Item
          leftSection={<IconLogout size={16} />}
          onClick={() => void signOut({ callbackUrl: withBasePath("/") })}
          data-testid="sign-out"
        >
          {app.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
