// What binders and readers stand on: telling the hub which chat and which vendor's visitor belongs
// to the visit, and looking for widgets that load early, late or never. Only sites with an active
// integration have it.

import type { Core } from "./core";
import { hash } from "./id";
import { quietly } from "./quietly";
import { stay } from "./stay";

/** What a binder or a reader may ask. */
export interface Tracker {
  visit(): string;
  visitor(): string;
  /** Runs now and at each new visit. */
  onVisit(listener: () => void): void;
  /** Reports what the widget knows of the chat or the visitor; without ids: that something was ordered. */
  bind(provider: string, ids?: BoundIds): void;
  /** Reports ids of other systems. */
  ids(found: ForeignIds): void;
  /** Tells the site's owner, once a visit, that a widget did not appear or that its slot is taken. */
  sign(slug: string, word: "absent" | "taken"): void;
  /** Looks now, every quarter of a second for fifteen seconds, then every two seconds for ten
   * minutes, until the answer is true. The widget of `slug` is called absent after the fifteen. */
  poll(look: () => unknown, slug?: string, tries?: number): void;
  cookie(name: string): string;
  /** Keeps a text between pages under the provider's slug. */
  keep(slug: string, text: string): void;
  kept(slug: string): string;
}

/** Numbers by which the vendor will name them in its webhook. */
export interface BoundIds {
  chat?: unknown;
  user?: unknown;
}

/** By the names of the hub: `ym`, `ga`, `rs`, `ct`, `cm`, `uid`. */
export type ForeignIds = { [system: string]: unknown };

/** A binder with its provider's slug and the option of the integration. */
export type Binder = [begin: (tracker: Tracker, slug: string, option: string) => void, slug: string, option: string];

/** Milliseconds in which ids of several counters gather. */
const gathering = 500;

export default function (core: Core, binders: Binder[]): void {
  let found: ForeignIds = {};
  let timer = 0;

  /** The first time in this visit, also over pages. */
  const isNew = (text: string) => {
    const [of, ...told] = core.kept("b").split(",");
    const { visit } = core.visit();
    const known = of == visit ? told : [];
    const its = hash(text);
    if (known.includes(its)) return false;
    core.keep("b", [visit, ...known, its].join());
    return true;
  };

  const bind = (provider: string, ids?: BoundIds) => {
    const b: { [name: string]: string } = { provider };
    for (const name of ["chat", "user"] as const) {
      const id = ids?.[name];
      // A number beyond 2^53 has lost its last digits: it would name somebody else.
      if (id && (typeof id == "string" || Number.isSafeInteger(id))) b[name] = `${id}`;
    }
    if (ids && !(b.chat || b.user)) return;
    stay(core);
    if (!ids || isNew(JSON.stringify(b))) core.send("bind", { b });
  };

  const flush = (isLeaving?: boolean) => {
    for (const name in found) {
      if (!isNew(name + JSON.stringify(found[name]))) delete found[name];
    }
    if (Object.keys(found).length) core.send("x", { x: found }, isLeaving);
    found = {};
  };

  const tracker: Tracker = {
    visit: () => core.visit().visit,
    visitor: () => core.visit().visitor,
    onVisit: core.onVisit,
    bind,
    ids: (more) => {
      for (const name in more) if (more[name]) found[name] = more[name];
      clearTimeout(timer);
      timer = setTimeout(flush, gathering);
    },
    sign: (slug, word) => {
      if (isNew(slug + word)) core.send("st", { p: { [slug]: word } });
    },
    poll: (look, slug, tries = 0) => {
      if (quietly(look) || tries > 359) return;
      if (slug && tries == 60) tracker.sign(slug, "absent");
      setTimeout(tracker.poll, tries < 60 ? 250 : 2000, look, slug, tries + 1);
    },
    cookie: core.cookie,
    keep: core.keep,
    kept: core.kept,
  };

  core.calls["bind"] = bind;
  addEventListener("visibilitychange", () => document.hidden && flush(true));
  for (const [begin, slug, option] of binders) quietly(() => begin(tracker, slug, option));
}
