"use client";
/**
 * Language and colours.
 *
 * @module
 */
import { ActionIcon, Box, Button, Menu, useMantineColorScheme, type MantineColorScheme } from "@mantine/core";
import { IconCheck, IconDeviceDesktop, IconLanguage, IconMoon, IconSun } from "@tabler/icons-react";
import type { ReactNode } from "react";

import { useLocale, useWords } from "@/components/words";
import { LOCALE_COOKIE, type Locale } from "@/lib/i18n";

const LANGUAGES: readonly { readonly locale: Locale; readonly name: string }[] = [
  { locale: "en", name: "English" },
  { locale: "ko", name: "한국어" },
];

const YEAR_SECONDS = 365 * 24 * 60 * 60;

/** Both routers read the cookie on the server, so the page comes again in the other language. */
function chooseLanguage(locale: Locale): void {
  document.cookie = `${LOCALE_COOKIE}=${locale}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
  window.location.reload();
}

export function LanguageMenu(): ReactNode {
  const locale = useLocale();
  const { app } = useWords();
  return (
    <Menu position="bottom-end" width={150}>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="sm"
          px={8}
          c="var(--ink-soft)"
          leftSection={<IconLanguage size={18} stroke={1.7} />}
          aria-label={`${locale.toUpperCase()} · ${app.language}`}
          data-testid="language"
        >
          {locale.toUpperCase()}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {LANGUAGES.map(({ locale: other, name }) => (
          <Menu.Item
            key={other}
            lang={other}
            onClick={() => chooseLanguage(other)}
            rightSection={other === locale ? <IconCheck size={16} /> : null}
            data-testid={`language-${other}`}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

export function ColourMenu(): ReactNode {
  const { app } = useWords();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const choices: readonly [MantineColorScheme, string, ReactNode][] = [
    ["auto", app.coloursAuto, <IconDeviceDesktop key="auto" size={16} />],
    ["light", app.coloursLight, <IconSun key="light" size={16} />],
    ["dark", app.coloursDark, <IconMoon key="dark" size={16} />],
  ];
  return (
    <Menu position="bottom-end" width={180}>
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={36}
          c="var(--ink-soft)"
          aria-label={app.colours}
          data-testid="colours"
        >
          <Box component="span" lightHidden lh={0}>
            <IconMoon size={18} stroke={1.7} />
          </Box>
          <Box component="span" darkHidden lh={0}>
            <IconSun size={18} stroke={1.7} />
          </Box>
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {choices.map(([scheme, label, icon]) => (
          <Menu.Item
            key={scheme}
            leftSection={icon}
            onClick={() => setColorScheme(scheme)}
            rightSection={scheme === colorScheme ? <IconCheck size={16} /> : null}
            data-testid={`colours-${scheme}`}
          >
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
