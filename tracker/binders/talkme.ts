// Talk-me, Verbox and their kin. The page names the widget's function in `supportAPIMethod`, so the
// brand does not matter. Custom fields come back in each webhook; the widget's own number of the
// visitor is the second, independent way. Callbacks are the site's, names and contacts too.

import type { Tracker } from "../bindings";

type Widget = (call: string, given: unknown) => void;

export default function (tracker: Tracker, slug: string): void {
  const page = window as unknown as { [name: string]: Widget } & { supportAPIMethod?: string };
  tracker.onVisit(() =>
    tracker.poll(() => {
      const widget = page[page.supportAPIMethod!];
      if (typeof widget != "function") return false;
      widget("setClientInfo", { custom: { skvoz_visit: tracker.visit(), skvoz_visitor: tracker.visitor() } });
      // A text in newer versions, an object in others.
      widget("getClientId", (user: unknown) => tracker.bind(slug, { user: (user as { clientId?: unknown })?.clientId ?? user }));
      return true;
    }, slug),
  );
}
