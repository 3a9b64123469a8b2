// JivoSite has one slot for a token that comes back in each webhook; the last writer wins. In mode
// "own" the slot is ours until somebody else writes into it, and from then on his in this browser; in
// mode "share" it is never written. What another system writes is reported as an alias of the visit,
// and the visitor's number always.

import { quietly } from "../quietly";
import type { Tracker } from "../bindings";

interface Jivo {
  setUserToken(token: string): void;
  getVisitorNumber?(answer: (error: unknown, number: unknown) => void): void;
}

type Page = Window & { jivo_api?: Jivo; jivo_onLoadCallback?: (...given: unknown[]) => unknown };

/** Milliseconds after which the token is written again: some snippets clear it on their own start. */
const again = 5000;

export default function (tracker: Tracker, slug: string, mode: string): void {
  const page: Page = window;
  let watched: Jivo | undefined;
  let taken = tracker.kept(slug);
  let isOurs = false;

  const link = () => {
    const jivo = page.jivo_api;
    if (!jivo?.setUserToken) return false;
    if (jivo != watched) watch((watched = jivo));
    // A callback that came after this script has written already, unseen.
    const late = page.jivo_onLoadCallback;
    if (mode == "own" && !taken && (late == wrapped || !/setUserToken/.test(`${late}`))) {
      isOurs = true;
      quietly(() => jivo.setUserToken(tracker.visit()));
      isOurs = false;
    }
    tracker.ids({ uid: taken });
    jivo.getVisitorNumber?.((error, user) => error || tracker.bind(slug, { user }));
    return true;
  };

  const watch = (jivo: Jivo) => {
    const original = jivo.setUserToken;
    jivo.setUserToken = function (this: unknown, token: string) {
      if (!isOurs) {
        tracker.keep(slug, (taken = `${token}`));
        tracker.ids({ uid: taken });
        if (mode == "own") tracker.sign(slug, "taken");
      }
      return original.apply(jivo, arguments as never);
    };
  };

  // The widget calls this one function of the page when it is ready; what it writes is seen from here.
  const callback = page.jivo_onLoadCallback;
  const wrapped = function (this: unknown, ...given: unknown[]) {
    if (page.jivo_api && !watched) watch((watched = page.jivo_api));
    return callback!.apply(this, given);
  };
  if (callback) page.jivo_onLoadCallback = wrapped;
  tracker.onVisit(() => {
    tracker.poll(() => link() && setTimeout(tracker.poll, again, link), slug);
  });
}
