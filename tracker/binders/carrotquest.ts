// Carrot quest (and Dashly, the same product abroad). The moment a visitor writes is reported with
// his visit; beside that his card gets the ids, for operators and as another way. `onReady` fires
// again when the vendor merges visitors, and may have fired before this script was there.

import type { BoundIds, Tracker } from "../bindings";

interface Carrot {
  data?: { user?: { id?: unknown } };
  onReady(listener: () => void): void;
  identify(properties: object[]): void;
  addCallback(topic: string, listener: (told: { id?: unknown }) => void): void;
}

export default function (tracker: Tracker, slug: string): void {
  const page = window as { carrotquest?: Carrot; dashly?: Carrot };

  // The snippet's stand-in, which only queues calls, gives way to the library.
  const carrot = () => page.carrotquest ?? page.dashly;

  // The number has 64 bits; as a number of the page it may have lost digits, in the cookie it has not.
  const user = () => {
    const id = carrot()?.data?.user?.id;
    return typeof id == "string" || Number.isSafeInteger(id) ? id : tracker.cookie("carrotquest_uid");
  };

  const report = (ids: BoundIds) => tracker.bind(slug, { ...ids, user: user() });

  const link = () => {
    if (!user()) return;
    carrot()?.identify(
      Object.entries({ skvoz_visit: tracker.visit(), skvoz_visitor: tracker.visitor() }).map(([key, value]) => ({
        op: "update_or_create",
        key,
        value,
      })),
    );
    report({});
  };

  tracker.poll(() => {
    const found = carrot();
    if (!found?.onReady) return false;
    found.onReady(link);
    for (const topic of ["conversation_started", "user_replied"]) {
      found.addCallback(topic, (told) => report({ chat: told.id }));
    }
    return true;
  }, slug);
  tracker.onVisit(link);
}
