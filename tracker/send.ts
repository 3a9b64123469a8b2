// The way to the hub. A message stands in the queue until the hub has answered, so nothing is lost
// when the hub is out of reach; the hub knows repeats by the message's own id.

import type { Answer } from "./core";
import { newId } from "./id";
import { quietly } from "./quietly";
import { isAllowed } from "./record";
import { keep, kept } from "./storage";
import { take, visit } from "./visit";

/** One message as the hub reads it: `m` its id, `c` visitor, `v` visit, `at` and `s` times of the
 * event and of sending, milliseconds. */
interface Message {
  m: string;
  v: string;
  at: number;
  s: number;
}

/** Messages kept at most. */
const most = 50;
/** Milliseconds after which another try cannot meet the first one under way. */
const patience = 2000;

/** Behind the site's own proxy the address of the script tells that of the hub. */
const { src = "" } = (document.currentScript ?? {}) as HTMLScriptElement;
const place = src.indexOf(`${KEY}.js`);
export const url = (place < 0 ? BASE : src.slice(0, place)) + KEY;

let sequence = 0;

/** A page that `isLeaving` may get no answer any more. */
export function send(kind: string, fields: object, isLeaving?: boolean): Promise<Answer | void> | void {
  if (!isAllowed) return;
  const at = Date.now();
  const message = {
    m: newId("m"),
    t: kind,
    c: visit.visitor,
    v: visit.visit,
    n: visit.number,
    q: (sequence += 1),
    at,
    s: at,
    wd: navigator.webdriver,
    ...fields,
  };
  // What the browser will not carry waits in the queue.
  if (isLeaving && navigator.sendBeacon?.(url, JSON.stringify(message))) return;
  keepQueue([...queue(), message]);
  return deliver(message);
}

function deliver(message: Message): Promise<Answer | void> {
  message.s = Date.now();
  return fetch(url, { method: "POST", keepalive: true, body: JSON.stringify(message) })
    .then(async (answer) => {
      // Too many requests, or a hub in trouble.
      if (answer.status > 428) return;
      keepQueue(queue().filter((one) => one.m != message.m));
      // The hub can be reached: what it has not answered is tried again.
      for (const other of queue()) if (Date.now() - other.s > patience) deliver(other);
      if (answer.status > 200) return;
      // The hub has put the message into another visit: from now on that one counts. Or it gives more.
      const ids: Answer = await answer.json();
      if (visit.visit == message.v) take({ ...visit, visit: ids.v, visitor: ids.c });
      return ids;
    })
    .catch(() => {});
}

function queue(): Message[] {
  return quietly(() => JSON.parse(kept("q"))) ?? [];
}

function keepQueue(messages: Message[]): void {
  keep("q", JSON.stringify(messages.slice(-most)));
}
