// Which visit this is. Rules of the browser, asked at each page view; the hub confirms or answers
// with another id, which is taken over.

import { newId } from "./id";
import { quietly } from "./quietly";
import { isAllowed, now, read, save, type Visit } from "./record";
import { sourceOf, type Source } from "./source";
import { keep, kept } from "./storage";

/** Seconds of silence that end a visit. */
const idle = 30 * 60;
/** Seconds of the longest visit. */
const longest = 24 * 3600;
/** Clicks remembered: the address of one opened again begins nothing. */
const memory = 30;

const listeners: (() => void)[] = [];

/** The visit in force, without deciding anything. */
export let visit: Visit;

/** Whether the latest page view stayed in it, whatever its address says. */
export let goesOn: unknown;

/** Runs at each new visit, and now when there is one. */
export function onVisit(listener: () => void): void {
  listeners.push(listener);
  if (visit) quietly(listener);
}

/** The visit of a page view. Only an `arrival` can come from somewhere; a step inside a page, a
 * reload and a return by "back" cannot. */
export function view(arrival: boolean): void {
  const before = read();
  const time = now();
  const came: Partial<Source> = arrival ? sourceOf(location, document.referrer) : [];
  goesOn = before && time - before.last < idle && time - before.start < longest && !differs(came, before.source);
  take({
    ...(goesOn
      ? before!
      : {
          visitor: before?.visitor ?? newId("c"),
          visit: newId("v"),
          start: time,
          number: (before?.number ?? 0) + 1,
          source: came.join("-"),
        }),
    last: time,
  });
  if (came[2]) keep("k", [...seen().slice(-memory), came[0]].join());
}

/** Makes it the visit in force. */
export function take(next: Visit): void {
  if (!isAllowed) return;
  const isOther = visit?.visit != next.visit;
  visit = next;
  save(next);
  if (isOther) listeners.forEach(quietly);
}

function differs([marks, system]: Partial<Source>, source: string): unknown {
  const [its, from] = source.split("-");
  return marks ? marks != its && !seen().includes(marks) : system && system != from;
}

function seen(): string[] {
  return kept("k").split(",");
}
