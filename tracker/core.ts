// What the core gives to the pieces that only some sites need.

import type { Visit } from "./record";

/** A piece that only some sites need, with what the hub tells it. */
export type Part = [begin: (core: Core, given: never) => void, given: unknown];

/** What the hub may say to a message. */
export interface Answer {
  /** The visit that the message is of, and its visitor. */
  v: string;
  c: string;
  code?: string;
}

export interface Core {
  visit(): Visit;
  /** Runs now and at each new visit. */
  onVisit(listener: () => void): void;
  /** The record as it stands, whatever another tab has made of it. */
  read(): Visit | undefined;
  /** Makes it the visit in force. */
  take(visit: Visit): void;
  /** A page that `isLeaving` may get no answer any more. The answer is the hub's, when it says
   * anything and is in reach. */
  send(kind: string, fields: object, isLeaving?: boolean): Promise<Answer | void> | void;
  keep(letter: string, text: string): void;
  kept(letter: string): string;
  cookie(name: string): string;
  /** Counts the page and watches it; `first` is called once, when the visit is known and nothing was sent. */
  run(first: () => void): void;
  /** Sends nothing more and forgets the visitor. */
  stop(): void;
  /** Where messages go. */
  url: string;
  /** Public calls by name; a piece adds its own. */
  calls: { [name: string]: (...given: never[]) => unknown };
}
