// The script's one entry: hands the core to the public calls, which say when it may begin.

import type { Core } from "./core";
import { begin } from "./pages";
import { quietly } from "./quietly";
import { allow, read } from "./record";
import { send, url } from "./send";
import { cookie, keep, kept } from "./storage";
import { onVisit, take, visit } from "./visit";

const core: Core = {
  visit: () => visit,
  onVisit,
  read,
  take,
  send,
  keep,
  kept,
  cookie,
  calls: {},
  url,
  run: (first) => {
    allow(true);
    begin(first);
  },
  stop: () => allow(false),
};

quietly(() => CALLS(core, PARTS));
