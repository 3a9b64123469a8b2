// Page views: the first one, steps of single-page sites, returns out of the browser's page cache.

import { quietly } from "./quietly";
import { send } from "./send";
import { goesOn, view } from "./visit";

/** Milliseconds that a single-page site gets to change its title. */
const titleTime = 300;

let shown: string;
let referrer: string;
let waiting = 0;

/** Counts the page as it stands and watches what comes after. `first` runs once, when the visit is
 * known and nothing was sent. */
export function begin(first: () => void): void {
  // Old, but short and everywhere: 0 is neither a reload nor a return.
  view(!performance.navigation.type);
  if (!shown) {
    first();
    listen();
  }
  shown = location.href;
  referrer = document.referrer;
  count();
}

function listen(): void {
  for (const method of ["pushState", "replaceState"] as const) {
    quietly(() => {
      const original = history[method];
      history[method] = function (this: History, ...given) {
        original.apply(this, given);
        quietly(step);
      };
    });
  }
  addEventListener("popstate", step);
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    view(false);
    count();
  });
  addEventListener("visibilitychange", () => document.hidden && flush(true));
}

function count(isLeaving?: boolean): void {
  waiting = 0;
  const fields = {
    u: shown.slice(0, 4000),
    r: referrer.slice(0, 2000),
    ti: document.title,
    w: screen.width,
    l: navigator.language,
    g: !!goesOn,
  };
  send("pv", fields, isLeaving);
}

/** A step inside the page, when path or query changed. */
function step(): void {
  if (location.href.split("#")[0] == shown.split("#")[0]) return;
  flush();
  view(false);
  referrer = shown;
  shown = location.href;
  waiting = setTimeout(flush, titleTime);
}

/** A step that waits for its title waits no longer. */
function flush(isLeaving?: boolean): void {
  clearTimeout(waiting);
  if (waiting) count(isLeaving);
}
