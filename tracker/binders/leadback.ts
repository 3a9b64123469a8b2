// LeadBack takes no id of ours and tells its orders to Metrica alone, as the goal LEADBACK_CALL. So
// calls that reach a goal are watched, and the moment of an order is marked. Every function goes on
// being what it was: a proxy keeps its properties, which Metrica uses as its queue.

import type { Tracker } from "../bindings";

type Any = (...given: unknown[]) => unknown;

export default function (tracker: Tracker, slug: string): void {
  const page = window as unknown as { [name: string]: unknown };
  const watched = new WeakSet<object>();

  const watch = (holder: { [name: string]: unknown }, name: string) => {
    const original = holder[name] as Any;
    if (typeof original != "function" || watched.has(original)) return;
    const proxy = new Proxy(original, {
      apply(target, self, given: unknown[]) {
        try {
          if (given.includes("LEADBACK_CALL")) tracker.bind(slug);
        } catch {
          // The goal is reached whatever becomes of the mark.
        }
        return Reflect.apply(target, self, given);
      },
    });
    watched.add(proxy);
    holder[name] = proxy;
  };

  // Metrica puts its own function in place of the snippet's, so looking never ends early.
  tracker.poll(() => {
    watch(page, "ym");
    for (const name in page) {
      if (/^yaCounter\d+$/.test(name)) watch(page[name] as typeof page, "reachGoal");
    }
  });
}
