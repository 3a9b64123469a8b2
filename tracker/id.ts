// Ids: a letter and a UUIDv7 in 26 digits of base 32, so they sort by time. The letter in front
// keeps chat services from taking them for numbers. The digits leave out `u`, by which the hub marks
// its own parts of a visit.

/** A new id behind its letter. */
export function newId(letter: string): string {
  crypto.getRandomValues(new Uint8Array(26)).forEach((byte, n) => {
    // Ten digits of milliseconds, then chance with the bits of version (7) and variant.
    const five = n < 10 ? Date.now() / 32 ** (9 - n) : n == 10 ? 14 | (byte & 1) : n == 13 ? 8 | (byte & 19) : byte;
    const digit = five & 31;
    letter += (digit < 30 ? digit : digit + 1).toString(36);
  });
  return letter;
}

/** Short name of a text, for comparing only. */
export function hash(text: string): string {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return sum.toString(36);
}
