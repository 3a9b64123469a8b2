// Calltouch's session, one for each of its accounts on the page.

import type { Reader } from ".";

interface Account {
  sessionId?: unknown;
}

const calltouch: Reader = (tracker) => {
  const page = window as { ct?: (call: string) => Account | Account[] | undefined };
  const accounts = [page.ct?.("calltracking_params") ?? []].flat();
  const ct = accounts.map((account) => account.sessionId).filter(Boolean);
  if (!ct.length) return false;
  tracker.ids({ ct });
  return true;
};

export default calltouch;
