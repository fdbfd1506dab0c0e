/**
 * Finds the forms of a page, as far as a test that has no browser needs them: action, method, and the fields that
 * are sent when nothing is typed.
 */

/** A form of a page. */
export interface HtmlForm {
  /** As written; empty for the page's own address. */
  readonly action: string;
  readonly method: "get" | "post";
  /** Names of all fields that a user can type in. */
  readonly typable: readonly string[];
  /** What is sent if nothing is typed. */
  readonly fields: Readonly<Record<string, string>>;
}

/** All forms of the page, in order. */
export function htmlForms(html: string): readonly HtmlForm[] {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, open = "", content = ""]) => {
    const attributes = attributesOf(open);
    const inputs = [...content.matchAll(/<input\b([^>]*)>/gi)].map(([, input = ""]) => attributesOf(input));
    const named = inputs.filter((input) => input["name"] !== undefined && input["disabled"] === undefined);
    const sent = named.filter(
      ({ type, checked }) => !/^(checkbox|radio)$/.test(type ?? "") || checked !== undefined,
    );
    return {
      action: attributes["action"] ?? "",
      method: attributes["method"]?.toLowerCase() === "post" ? "post" : "get",
      typable: named.filter(({ type }) => !/^(hidden|submit|button|image)$/.test(type ?? "")).map(nameOf),
      fields: Object.fromEntries(
        sent
          .filter(({ type }) => !/^(submit|button|image)$/.test(type ?? ""))
          .map((i) => [nameOf(i), i["value"] ?? ""]),
      ),
    };
  });
}

function nameOf(input: Readonly<Record<string, string>>): string {
  return input["name"] ?? "";
}

function attributesOf(tag: string): Readonly<Record<string, string>> {
  const found = tag.matchAll(/([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g);
  return Object.fromEntries(
    [...found].map(([, name = "", double, single, bare]) => [
      name.toLowerCase(),
      unescapeHtml(double ?? single ?? bare ?? ""),
    ]),
  );
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescapeHtml(text: string): string {
  return text.replace(
    /&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi,
    (all, decimal?: string, hex?: string, name?: string) => {
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      return NAMED[name ?? ""] ?? all;
    },
  );
}
