import type { NextConfig } from "next";

// Next reads it when the build and the server start, after this file.
process.env.NEXT_TELEMETRY_DISABLED = "1";

const SECURITY_HEADERS = [
  { key: "X-Content-Type-Options", value: "nosniff" },
  { key: "X-Frame-Options", value: "DENY" },
  { key: "Referrer-Policy", value: "same-origin" },
];

// For an app that does not live at the root of its host, such as /custom-route. Needed to build and to start.
const basePath = process.env.NEXT_BASE_PATH ?? "";

const config: NextConfig = {
  // Two that build the app at the same time, such as `npm start` and `npm test`, must not share what they build.
  distDir: process.env.NEXT_DIST_DIR ?? ".next",
  basePath,
  env: { BASE_PATH: basePath },
  poweredByHeader: false,
  // Node cannot load next-auth 5 by itself, so the Pages Router has to bundle it, as the App Router does. nolapse comes
  // along: its `SessionProvider` has to find the same copy of next-auth/react as the pages.
  transpilePackages: ["next-auth", "nolapse"],
  // The example has its own lockfile: without this, the repository around it would be taken for the project.
  turbopack: { root: process.cwd() },
  headers: () => Promise.resolve([{ source: "/:path*", headers: SECURITY_HEADERS }]),
};

export default config;
