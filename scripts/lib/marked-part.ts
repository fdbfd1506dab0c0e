/**
 * Parts of a document that a program makes, between two comments.
 *
 * @module
 */

/** Where a part begins and ends. */
export interface Marks {
  readonly start: string;
  readonly end: string;
}

/** The page with another text between the marks. */
export function withMarkedPart(page: string, { start, end }: Marks, text: string): string {
  const [before, rest] = page.split(start);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`The document has no place for "${start}"`);
  return `${before}${start}\n\n${text}\n\n${end}${after}`;
}
