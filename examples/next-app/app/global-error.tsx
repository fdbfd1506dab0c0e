"use client";
import type { ReactNode } from "react";

import { en } from "@/lib/i18n/en";
import { ko } from "@/lib/i18n/ko";

/** Stands in where the frame itself could not be built, so it depends on nothing and speaks both languages. */
export default function GlobalError({
  reset,
}: {
  readonly error: Error;
  readonly reset: () => void;
}): ReactNode {
  return (
    <html lang="en">
      <body
        style={{
          fontFamily: "system-ui, sans-serif",
          display: "grid",
          placeItems: "center",
          minHeight: "90vh",
        }}
      >
        <main role="alert" style={{ maxWidth: 420, padding: 24, lineHeight: 1.6 }}>
          <h1>{en.states.errorTitle}</h1>
          <p>{en.states.errorText}</p>
          <p lang="ko">
            {ko.states.errorTitle}. {ko.states.errorText}
          </p>
          <button onClick={reset} style={{ font: "inherit", padding: "8px 16px" }}>
            {en.states.retry} · <span lang="ko">{ko.states.retry}</span>
          </button>
        </main>
      </body>
    </html>
  );
}
