/**
 * The page of the measurement: a provider, and a reader below it. Bundled once for each provider.
 *
 * @module
 */
import { useSession } from "next-auth/react";
import { StrictMode, type ReactElement, type ReactNode } from "react";
import { createRoot } from "react-dom/client";

function Reader(): ReactElement {
  const { data, status } = useSession();
  return (
    <p id="who">
      {status}: {data?.user?.name}
    </p>
  );
}

/** Shows the page with `Provider` around its reader. */
export function show(Provider: (props: { readonly children: ReactNode }) => ReactElement): void {
  const root = document.createElement("main");
  document.body.append(root);
  createRoot(root).render(
    <StrictMode>
      <Provider>
        <Reader />
      </Provider>
    </StrictMode>,
  );
}
