// What is told of a visit keeps it alive and never begins one: the visitor does what he came for.

import type { Core } from "./core";
import { now } from "./record";

/** The visit lasts until now at least, whichever tab it goes on in. */
export function stay(core: Core): void {
  const shared = core.read();
  if (shared) core.take({ ...shared, last: now() });
}
