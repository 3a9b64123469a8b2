// Ids of other counters on the page: they join a chat to its visit when the widget brings such an id
// back, and what is passed on to CoMagic to CoMagic's own visit. Counters load late or never, so
// each is asked until it answers.

import { quietly } from "../quietly";
import type { Tracker } from "../bindings";
import calltouch from "./calltouch";
import comagic from "./comagic";
import ga from "./ga";
import metrica from "./metrica";
import roistat from "./roistat";

/** Tells the id once it is known; the answer is true when there is nothing left to ask. */
export type Reader = (tracker: Tracker) => unknown;

export default function (tracker: Tracker): void {
  // A counter's visit may end while ours goes on, and the other way round.
  const readers = [metrica, ga, roistat, calltouch, comagic];
  tracker.onVisit(() => readers.forEach((read) => tracker.poll(() => read(tracker))));
  document.addEventListener("visibilitychange", () => readers.forEach((read) => quietly(() => read(tracker))));
}
