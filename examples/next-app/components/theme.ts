/**
 * The look: colours, type and defaults for Mantine. The app's own colours are CSS variables in `app/globals.css`.
 *
 * @module
 */
import { createTheme, type MantineColorsTuple } from "@mantine/core";

const leaf: MantineColorsTuple = [
  "#e9f8f1",
  "#d3efe1",
  "#a7dfc4",
  "#77cea5",
  "#4fbf8b",
  "#2fae77",
  "#129a66",
  "#0a7850",
  "#086644",
  "#054d33",
];

const dark: MantineColorsTuple = [
  "#e7ecea",
  "#c0c9c5",
  "#98a49f",
  "#6d7975",
  "#3f4a46",
  "#2b3431",
  "#1c2321",
  "#141a18",
  "#0f1413",
  "#0a0e0d",
];

export const theme = createTheme({
  primaryColor: "leaf",
  primaryShade: 7,
  colors: { leaf, dark },
  fontFamily: "var(--app-font)",
  fontFamilyMonospace: "var(--app-mono)",
  headings: { fontFamily: "var(--app-font)", fontWeight: "620" },
  defaultRadius: "md",
  cursorType: "pointer",
  components: {
    Button: { defaultProps: { fw: 560 } },
    Anchor: { defaultProps: { underline: "hover" } },
  },
});
