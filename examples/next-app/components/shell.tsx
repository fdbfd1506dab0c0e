"use client";
/**
 * The frame around every page: header, navigation, and the one prompt for a sign-in that has ended.
 *
 * @module
 */
import { AppShell, Burger, Group, NavLink, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconActivityHeartbeat,
  IconArrowsExchange,
  IconBolt,
  IconDevices,
  IconFileStack,
  IconHome,
  IconServer2,
  IconShieldCheck,
} from "@tabler/icons-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { useEffect, type ComponentType, type ReactNode } from "react";

import { useWords } from "@/components/words";
import { BrandMark } from "@/components/brand";
import { ColourMenu, LanguageMenu } from "@/components/preferences";
import { ReauthPrompt } from "@/components/reauth-prompt";
import { UserMenu } from "@/components/user-menu";
import type { Dictionary } from "@/lib/i18n";

import classes from "./shell.module.css";

interface Page {
  readonly href: string;
  readonly label: Exclude<keyof Dictionary["nav"], "label" | "doors">;
  readonly icon: ComponentType<{ size?: number; stroke?: number }>;
}

const MAIN: readonly Page[] = [
  { href: "/", label: "overview", icon: IconHome },
  { href: "/live", label: "live", icon: IconActivityHeartbeat },
  { href: "/sessions", label: "sessions", icon: IconDevices },
];

/** The five pages that ask for a token, each in its own way. */
export const DOORS: readonly Page[] = [
  { href: "/protected", label: "protected", icon: IconServer2 },
  { href: "/client", label: "client", icon: IconArrowsExchange },
  { href: "/action", label: "action", icon: IconBolt },
  { href: "/pages-router", label: "pagesRouter", icon: IconFileStack },
  { href: "/via-proxy", label: "viaProxy", icon: IconShieldCheck },
];

export function Shell({ children }: { readonly children: ReactNode }): ReactNode {
  const words = useWords();
  const pathname = usePathname() ?? "/";
  const [opened, { toggle, close }] = useDisclosure();
  useEffect(close, [pathname, close]);
  return (
    <AppShell
      header={{ height: 60 }}
      navbar={{ width: 264, breakpoint: "md", collapsed: { mobile: !opened } }}
      padding={0}
      classNames={{ header: classes.header, navbar: classes.navbar, main: classes.main }}
    >
      <AppShell.Header>
        <a className={classes.skip} href="#content">
          {words.app.skip}
        </a>
        <Group h="100%" px={{ base: "sm", xs: "md" }} justify="space-between" wrap="nowrap" gap="xs">
          <Group gap="xs" wrap="nowrap">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="md"
              size="sm"
              aria-label={words.app.menu}
              aria-expanded={opened}
            />
            <Link href="/" className={classes.brand}>
              <BrandMark />
              <span>{words.app.name}</span>
            </Link>
          </Group>
          <Group gap={4} wrap="nowrap">
            <LanguageMenu />
            <ColourMenu />
            <UserMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="md" aria-label={words.nav.label}>
        <PageLinks pages={MAIN} pathname={pathname} />
        <Text className={classes.section} component="h2">
          {words.nav.doors}
        </Text>
        <PageLinks pages={DOORS} pathname={pathname} />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        <div className={classes.content}>{children}</div>
      </AppShell.Main>
      <ReauthPrompt pathname={pathname} />
    </AppShell>
  );
}

function PageLinks({
  pages,
  pathname,
}: {
  readonly pages: readonly Page[];
  readonly pathname: string;
}): ReactNode {
  const { nav } = useWords();
  return pages.map(({ href, label, icon: Icon }) => (
    <NavLink
      key={href}
      component={Link}
      href={href}
      // Each of these pages asks for a token: it should do so when it is opened, not when it is pointed at.
      prefetch={false}
      label={nav[label]}
      leftSection={<Icon size={18} stroke={1.7} />}
      active={pathname === href}
      aria-current={pathname === href ? "page" : undefined}
      className={classes.link}
    />
  ));
}
