// Visit codes: a short number of the visit, for the phone and for links to messengers, which lead out
// of the browser. A link is as the site wrote it but for the moment in which it is followed. The hub
// is asked for the code when the visitor comes near such a link, and again only in another visit.

import { anchorOf } from "./anchor";
import type { Core } from "./core";
import { quietly } from "./quietly";

/** First words by language, where the site wrote none. */
export type Greetings = { [language: string]: string };

/** Which parameter carries a code: the start of a bot, the first words, or the mark of a community. */
const carriers: [parameter: string, links: RegExp][] = [
  ["start", /\/\/(t(elegram)?\.(me|dog)|max\.ru)\/\w+bot\/?(\?|$)/i],
  ["text", /\/\/(t(elegram)?\.(me|dog)\/\+?\w+\/?(\?|$)|wa\.me\/\d|\w+\.whatsapp\.com\/send)|^whatsapp:\/\/send|^viber:\/\/pa/i],
  ["ref", /\/\/vk\.me\//i],
];

const carrierOf = (link?: HTMLAnchorElement | HTMLAreaElement) => link && carriers.find(([, links]) => links.test(link.href))?.[0];

export default function (core: Core, greetings: Greetings): void {
  let of = "";
  let code = "";
  let asked: Promise<string>;

  /** Empty when the hub is out of reach; then it is asked again next time. */
  const ask = () => {
    const { visit } = core.visit();
    if (of == visit) return asked;
    of = visit;
    code = "";
    return (asked = (async () => (code = (await core.send("code", {}))?.code ?? (of = "")))());
  };

  const touched = (event: Event) => {
    const link = anchorOf(event);
    const name = carrierOf(link);
    // A finger gives no notice of the link that it will touch.
    if (name || (event.type == "touchstart" && [...document.links].some(carrierOf))) ask();
    if (!name || !code || !/click/.test(event.type)) return;
    const { href } = link!;
    const url = new URL(href);
    const own = url.searchParams.get(name);
    if (name == "text") {
      const words = own ?? greetings[document.documentElement.lang.slice(0, 2)] ?? greetings["ru"];
      url.searchParams.set(name, `${words} #${code}`);
    } else if (!own) url.searchParams.set(name, code);
    // Messengers take a plus for what it is.
    link!.href = url.href.replace(/\+/g, "%20");
    setTimeout(() => (link!.href = href));
  };

  core.calls["code"] = (told: (code: string) => void) => void ask().then(told);
  for (const event of ["pointerover", "focusin", "touchstart", "click", "auxclick"]) {
    addEventListener(event, (told) => quietly(() => touched(told)), { capture: true, passive: true });
  }
}
