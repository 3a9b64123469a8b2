// CoMagic's and UIS's visit. Until the first hit is answered its values are empty.

import type { Reader } from ".";

interface Credentials {
  visitor_id?: unknown;
  session_id?: unknown;
  hit_id?: unknown;
}

const comagic: Reader = (tracker) => {
  const page = window as { Comagic?: { getCredentials?: () => Credentials } };
  const { visitor_id, session_id, hit_id } = page.Comagic?.getCredentials?.() ?? {};
  if (![visitor_id, session_id, hit_id].every((id) => Number(id) > 0)) return false;
  // Not the hit: it changes with each page of theirs.
  tracker.ids({ cm: { visitor_id, session_id } });
  return true;
};

export default comagic;
