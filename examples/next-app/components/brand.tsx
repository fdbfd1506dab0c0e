import type { ReactNode } from "react";

/** The mark: a saw-tooth that never reaches the ground. */
export function BrandMark({ size = 26 }: { readonly size?: number }): ReactNode {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--fresh)" />
      <path
        d="M5 10 13 19V10l8 9v-9l6 6.7"
        fill="none"
        stroke="var(--surface)"
        strokeWidth="2.6"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
      <path d="M5 25h22" stroke="var(--surface)" strokeWidth="2" strokeLinecap="round" opacity=".55" />
    </svg>
  );
}
