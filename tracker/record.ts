// The one record of the browser: who, which visit, when. It is shared by all tabs, so it is read
// again before each decision. Cookie first, then local storage, then memory; written to all.

import { cookie, keep, kept, setCookie } from "./storage";

/** Times are Unix seconds. */
export interface Visit {
  visitor: string;
  visit: string;
  start: number;
  last: number;
  /** Which visit of the visitor it is. */
  number: number;
  /** What it came from, as `source.ts` names it. */
  source: string;
}

export const now = (): number => (Date.now() / 1000) >>> 0;

/** `1.<visitor>.<visit>.<start>.<last>.<number>.<source>`, numbers in base 36. */
export function read(): Visit | undefined {
  for (const text of [cookie(NAME), kept("")]) {
    const [form, visitor, visit, start, last, number, source] = text.split(".");
    if (form == "1") {
      const numbers = { start: parseInt(start!, 36), last: parseInt(last!, 36), number: parseInt(number!, 36) };
      return { visitor: visitor!, visit: visit!, ...numbers, source: source! };
    }
  }
  return undefined;
}

export function save({ visitor, visit, start, last, number, source }: Visit): void {
  // Texts stay as they are.
  const text = [1, visitor, visit, start, last, number, source].map((part) => part.toString(36)).join(".");
  keep("", text);
  // Browsers keep a cookie for 400 days at most.
  setCookie(text, 400 * 86400);
}

/** Whether anything may be kept or sent; if not, nothing kept so far remains. */
export let isAllowed = false;

export function allow(given: boolean): void {
  isAllowed = given;
  if (given) return;
  keep("", "");
  setCookie("", 0);
}
