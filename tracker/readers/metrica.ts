// Metrica's ClientID: from the counter, or from its cookie.

import type { Reader } from ".";

const metrica: Reader = (tracker) => {
  const page = window as { ym?: (counter: number, call: string, answer: (id: string) => void) => void };
  const told = (ym: unknown) => tracker.ids({ ym });
  const counter = Object.keys(window).find((name) => /^yaCounter\d+$/.test(name));
  const asked = counter && page.ym;
  if (asked) page.ym!(Number(counter.slice(9)), "getClientID", told);
  const id = tracker.cookie("_ym_uid");
  if (id) told(id);
  return id || asked;
};

export default metrica;
