import type { NextConfig } from "next";

// Next reads it when the build and the server start, after this file.
process.env.NEXT_TELEMETRY_DISABLED = "1";

const SECURITY_HEADERS = [
  { key: "X-Content-Type-Options", value: "nosniff" },
  { key: "X-Frame-Options", value: "DENY" },
  { key: "Referrer-Policy", value: "same-origin" },
];

const config: NextConfig = {
  poweredByHeader: false,
  // The example has its own lockfile: without this, the repository around it would be taken for the project.
  turbopack: { root: process.cwd() },
  headers: () => Promise.resolve([{ source: "/:path*", headers: SECURITY_HEADERS }]),
};

export default config;
