// The client id of Google Analytics 4: from the tag, or from its cookie `GA1.1.<random>.<time>`.

import type { Reader } from ".";

const ga: Reader = (tracker) => {
  const page = window as { gtag?: (...given: unknown[]) => void; dataLayer?: ArrayLike<unknown>[] };
  const told = (ga: unknown) => tracker.ids({ ga });
  const id = tracker.cookie("_ga");
  if (id) {
    told(id.split(".").slice(-2).join("."));
    return true;
  }
  const config = page.dataLayer?.find((call) => call[0] == "config" && /^G-/.test(call[1] as string));
  if (config) page.gtag?.("get", config[1], "client_id", told);
  return config;
};

export default ga;
