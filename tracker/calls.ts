// What the site may call, before or after the script is there, and the visitor's consent. The page
// gets one function, `skvoz`: `skvoz("visit")`, `skvoz("consent", false)`.

import type { Core, Part } from "./core";
import { quietly } from "./quietly";
import { stay } from "./stay";

interface Skvoz {
  (name: string, ...given: unknown[]): unknown;
  /** Calls made before the script was there. */
  q?: ArrayLike<unknown>[];
  /** Set by the script itself. */
  on?: 1;
}

declare global {
  interface Window {
    skvoz?: Skvoz;
  }
}

/** Milliseconds in which messages under way are answered. */
const answering = 3000;

/** The script runs once a page however often it stands there, and in the topmost frame only. */
export default function (core: Core, parts: Part[]): void {
  if (self != top || window.skvoz?.on) return;

  // A site that asks its visitors first puts `data-wait` on the script. The visitor's own word
  // outlasts the page.
  const waits = document.currentScript?.hasAttribute("data-wait");
  const isAllowed = () => (waits ? core.kept("o") == "1" : core.kept("o") != "0");

  /** A goal of the visit. */
  const event = (name: string, data?: object) => {
    stay(core);
    core.send("ev", { e: { name, data } });
  };

  Object.assign(core.calls, {
    "event": event,
    /** A goal that says how the visitor can be reached: `phone`, `email` and whatever else the form has. */
    "lead": (fields: object) => event("lead", fields),
    "visit": () => (isAllowed() ? core.visit().visit : undefined),
    "visitor": () => (isAllowed() ? core.visit().visitor : undefined),
    /** Until there is a visit; then `codes.ts` answers. */
    "code": (told: (code: string) => void) => told(""),
    /** `on("visit", f)`: now and at each new visit, with its id. */
    "on": (_: string, listener: (id: string) => void) => core.onVisit(() => listener(core.visit().visit)),
    "consent": (given: boolean) => {
      const before = isAllowed();
      const isNews = core.kept("o") != "0";
      core.keep("o", given ? "1" : "0");
      if (given && !before) run();
      if (!given) {
        core.stop();
        // Clicks, what was reported, what waits to be sent.
        for (const letter of ["k", "b", "q"]) core.keep(letter, "");
        // Without the visitor's ids: the hub learns that visitors refuse, and forgets its cookie. Once
        // more when what was under way has been answered.
        const tell = () => navigator.sendBeacon(core.url, '{"t":"st","p":{"":"refused"}}');
        if (isNews) setTimeout(tell, answering), tell();
      }
    },
  });
  const run = () => {
    if (isAllowed()) core.run(() => parts.forEach(([begin, given]) => quietly(() => begin(core, given as never))));
  };

  const early = window.skvoz?.q ?? [];
  const skvoz: Skvoz = (window.skvoz = (name, ...given) => quietly(() => core.calls[name]!(...(given as never[]))));
  skvoz.on = 1;
  const begin = () => {
    run();
    for (const [name, ...given] of Array.from(early as [string][], (call) => Array.from(call))) skvoz(name!, ...given);
  };
  // A page that the browser only prepares is not seen by anybody yet.
  if ((document as { prerendering?: boolean }).prerendering) document.addEventListener("prerenderingchange", begin);
  else begin();
}
