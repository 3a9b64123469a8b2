// Visit codes: a short number of the visit, for the phone and for links to messengers, which lead out
// of the browser. A link is as the site wrote it but for the moment in which it is followed. The hub
// is asked for the code when the visitor comes near such a link, and again only in another visit.

import { anchorOf } from "./anchor";
import type { Core } from "./core";
import { quietly } from "./quietly";

/** First words by language, where the site wrote none. */
export type Greetings = { [language: string]: string };

/** Which parameter carries a code: the start of a bot, the first words, or the mark of a community.
 * Only links to somebody do, not those by which a page or a text is shared. */
const carriers: [parameter: string, links: RegExp][] = [
  ["start", /^https?:\/\/(t(elegram)?\.me|max\.ru)\/\w+bot\/?(\?|$)/i],
  [
    "text",
    /^(https?:\/\/(t(elegram)?\.me\/(\+\d+|(?!share)\w+)\/?(\?|$)|wa\.me\/\d)|[\w:\/.]*whatsapp(\.com|:\/)\/send.*[?&]phone=|viber:\/\/pa)/i,
  ],
  ["ref", /^https?:\/\/vk\.me\//i],
];

const carrierOf = (link?: HTMLAnchorElement | HTMLAreaElement) => link && carriers.find(([, links]) => links.test(link.href))?.[0];

/** Milliseconds after which a hub that did not answer is asked again. */
const patience = 3e4;

export default function (core: Core, greetings: Greetings): void {
  let of = "";
  let code = "";
  let asked: Promise<string>;

  /** Empty when the hub is out of reach, or the visitor has refused. */
  const ask = () => {
    if (of == core.visit().visit) return asked;
    of = core.visit().visit;
    code = "";
    setTimeout(() => code || (of = ""), patience);
    return (asked = (async () => (code = (await core.send("code", {}))?.code ?? ""))());
  };

  /** What stands in the address already stays as it is written. */
  const withCode = (href: string, name: string) => {
    const own = href.match(`[?&]${name}=[^&#]+`)?.[0];
    if (own) return name == "text" ? href.replace(own, () => `${own}%20%23${code}`) : href;
    const words = greetings[document.documentElement.lang.slice(0, 2)] ?? greetings["ru"];
    return `${href}${href.includes("?") ? "&" : "?"}${name}=${name == "text" ? `${encodeURI(words!)}%20%23` : ""}${code}`;
  };

  const touched = (event: Event) => {
    const link = anchorOf(event);
    const name = carrierOf(link);
    // A finger gives no notice of the link that it will touch.
    if (!name && !(event.type == "touchstart" && [...document.links].some(carrierOf))) return;
    if (!core.read()) return;
    ask();
    if (!name || !code || !/click/.test(event.type) || link!.href.includes(code)) return;
    const written = link!.getAttribute("href")!;
    const decorated = withCode(link!.href, name);
    link!.href = decorated;
    setTimeout(() => link!.href == decorated && link!.setAttribute("href", written));
  };

  core.calls["code"] = (told: (code: string) => void) => void (core.read() ? ask().then(told) : told(""));
  for (const event of ["pointerover", "focusin", "touchstart", "click", "auxclick"]) {
    addEventListener(event, (told) => quietly(() => touched(told)), { capture: true, passive: true });
  }
}
