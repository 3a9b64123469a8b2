// Links between domains of one owner: a cookie does not cross over, so the link carries visitor and
// visit, for two minutes.

import { anchorOf } from "./anchor";
import type { Core } from "./core";
import { quietly } from "./quietly";
import { now } from "./record";

/** Parameter of the link, and the hosts of the owner's other sites. */
export type Links = [parameter: string, hosts: string[]];

const valid = 120;

/** Takes over what a link brought and removes it from the address; puts the visit into links to
 * the other sites as they are followed. */
export default function (core: Core, [parameter, hosts]: Links): void {
  const decorate = (event: Event) => {
    const link = anchorOf(event);
    if (!link || !core.read() || !hosts.some((host) => `.${link.hostname}`.endsWith(`.${host}`))) return;
    const url = new URL(link.href);
    const { visitor, visit } = core.visit();
    url.searchParams.set(parameter, `${visitor}.${visit}.${now().toString(36)}`);
    link.href = url.href;
  };
  for (const event of ["click", "auxclick"]) addEventListener(event, (clicked) => quietly(() => decorate(clicked)), true);

  const url = new URL(location.href);
  const [visitor, visit, time] = (url.searchParams.get(parameter) ?? "").split(".");
  if (!time) return;
  url.searchParams.delete(parameter);
  quietly(() => history.replaceState(history.state, "", url));
  if (/^c\w+v\w+$/.test(visitor! + visit) && Math.abs(now() - parseInt(time, 36)) < valid) {
    core.take({ ...core.visit(), visitor: visitor!, visit: visit! });
  }
}
