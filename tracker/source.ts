// What an arrival came from, as far as it can begin a visit: an advertising click, a UTM tuple, or
// a search engine or social network that sent the visitor. The hub reads marks in full; here they
// are only told apart.

import { hash } from "./id";

/** Hash of the clicks or, without any, of the UTM tuple; the first letters of the search engine or
 * social network; how many clicks. What is not named is empty. */
export type Source = [marks: string, system: string, clicks?: number];

/** Parameters that prove an advertising click; `fbclid` and `ysclid` prove none. */
const click = /^((?!fb|ys)\w+cl(k?i|icki)d|[gw]braid|li_fat_id|epik|rdt_cid|sccid)$/i;

const systems =
  "(ya(?:ndex|hoo)?|google|bing|go\\.mail|rambler|duckduckgo|vk|ok|facebook|instagram|twitter|x|t(?=\\.co/)|youtube|linkedin|tiktok|dzen)";

export function sourceOf(address: Location, referrer: string): Source {
  const clicks: string[] = [];
  const tuple: string[] = [];
  new URLSearchParams(`${address.search}&${address.hash.slice(1)}`).forEach((value, name) => {
    // An unfilled macro is nobody's click.
    if (click.test(name) && /^[^{]/.test(value)) clicks.push(name + value);
    if (/^utm_(so|me|ca|co|te)/i.test(name)) tuple.push((name + value).toLowerCase());
  });
  const marks = clicks.join() || tuple.sort().join();
  const [, system = ""] =
    referrer.match(`//(?:(?:www|m|l|lm|away|search)\\.)?${systems}(?:\\.[a-z]{2,3}){1,2}/`) ?? tuple.join().match(`source${systems}`) ?? [];
  return [marks && hash(marks), system.slice(0, 2), clicks.length];
}
