// Roistat's visit number.

import type { Reader } from ".";

const roistat: Reader = (tracker) => {
  const page = window as { roistat?: { getVisit?: () => unknown } };
  const rs = page.roistat?.getVisit?.() || tracker.cookie("roistat_visit");
  tracker.ids({ rs });
  return rs;
};

export default roistat;
