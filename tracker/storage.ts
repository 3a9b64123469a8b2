// Texts kept between pages: local storage when it is allowed, always memory; and cookies.

import { quietly } from "./quietly";

const memory: { [letter: string]: string } = {};

/** Keeps a text under a letter of ours. Where storage is denied or full, memory has it for this page. */
export function keep(letter: string, text: string): void {
  memory[letter] = text;
  quietly(() => localStorage.setItem(NAME + letter, text));
}

/** What was kept, or nothing. */
export function kept(letter: string): string {
  return quietly(() => localStorage.getItem(NAME + letter)) ?? memory[letter] ?? "";
}

/** Its value, or nothing. */
export function cookie(name: string): string {
  return quietly(() => document.cookie.match(`(?:^|; )${name}=([^;]*)`)?.[1]) ?? "";
}

/** Sets the record's cookie for the widest domain that the browser allows: it refuses public
 * suffixes, so the first domain taken is the widest. No site has a single label: Firefox would
 * complain of it in the console. */
export function setCookie(value: string, seconds: number): void {
  const labels = location.hostname.split(".");
  for (let n = 0; labels[n] && cookie(NAME) != value; n += 1) {
    quietly(() => {
      document.cookie = `${NAME}=${value};path=/;max-age=${seconds};samesite=lax;domain=${labels.slice(-n - 2).join(".")}${isSecureContext ? ";secure" : ""}`;
    });
  }
}
