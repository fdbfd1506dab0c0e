/** All global styles, in their order: fonts, Mantine, the app. Imported by both routers. */
import "@fontsource-variable/instrument-sans/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "pretendard/dist/web/variable/pretendardvariable-dynamic-subset.css";
import "@mantine/core/styles.css";
import "@/app/globals.css";
