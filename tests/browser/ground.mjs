// What the programs share that drive a browser: a hub with a site, the site's pages, and questions
// to the hub.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startHub } from "./hub.mjs";
import { startWeb } from "./site.mjs";

export const OWNER = { email: "owner@example.com", password: "a long password" };
export const environment = { SKVOZ_OUTBOUND_ALLOW: "127.0.0.0/8", SKVOZ_SERVER_TRUSTED_PROXIES: "127.0.0.0/8" };
/** A path of the site's own that it passes on to the hub. */
export const ownPath = "/amber-birch/";

/** Starts the web and a hub, which becomes `at.hub`: stories stop it and start another. `at.scene` is
 * what stands on the pages. */
export async function lay(at, vendors) {
  const data = await mkdtemp(join(tmpdir(), "skvoz-tracker-"));
  const made = JSON.parse(
    execFileSync(
      process.env.SKVOZ,
      ["init", "--data", data, "--workspace", "Windows Ltd", "--email", OWNER.email, "--password-stdin", "--site", "shop.test"],
      { input: OWNER.password },
    ),
  );
  const keys = { "shop.test": made.site_key };

  /** One page for every path; its title is the path. */
  const html = (url) => {
    const { scene, hub } = at;
    const key = keys[url.hostname];
    const tag = `<script async src="${scene.path ?? `${hub.url}/t/`}${key}.js"${scene.attributes ?? ""}></script>`;
    return `<!doctype html><html data-story="${vendors?.story}"><head><meta charset="utf-8"><title>${url.pathname}</title>
      ${scene.head ?? ""}${scene.tracker === false ? "" : tag.repeat(scene.times ?? 1)}</head>
      <body><a id="other" href="${web.origin("brand.test")}/brand">brand</a>${scene.body ?? ""}</body></html>`;
  };
  const web = await startWeb({
    page: (url) => ({ html: html(url), headers: at.scene.headers }),
    vendor: (...told) => vendors.hear(...told),
    api: (path) => vendors.api(path),
    passed: (url, request, body) => {
      if (!url.pathname.startsWith(ownPath)) return undefined;
      at.scene.passed?.push({ method: request.method, cookie: request.headers.cookie ?? "", body });
      return at.hub.url + url.pathname.replace(ownPath, "/t/");
    },
  });
  at.hub = await startHub({ data, environment });

  const api = async (path, method = "GET", body) => {
    const answer = await fetch(`${at.hub.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${made.api_key}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const visits = async () => (await api("/visits?limit=100")).items;
  const shop = (path) => web.origin("shop.test") + path;
  return {
    data, made, keys, web, api, visits, shop,
    whole: async (visit) => api(`/visits/${visit.id}`),
    /** The visit that an advertising click began. */
    clicked: (yclid) => eventually(`a visit of ${yclid}`, async () => (await visits()).find((one) => one.click_ids.yclid === yclid)),
    ad: (yclid) => shop(`/okna?utm_source=yandex&utm_medium=cpc&utm_campaign=osen&yclid=${yclid}`),
    async leave() {
      await web.stop();
      await at.hub.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** Tells the stories whose names hold the first argument of the program, each with a browser profile
 * of its own: `begin` opens `at.page`, `end` closes the profile. */
export async function tell(at, stories, begin, end) {
  const only = process.argv[2] ?? "";
  let [passed, failed] = [0, 0];
  for (const [name, story] of Object.entries(stories)) {
    if (!name.includes(only)) continue;
    at.scene = {};
    at.complaints = [];
    await begin();
    try {
      await story();
      assert.deepEqual(at.complaints, []);
      passed += 1;
      console.log(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n${String(error.stack).slice(0, 1500)}\nat ${at.page.url()}\n${at.complaints.join("\n")}`);
    }
    await end();
  }
  return [passed, failed];
}

/** The last line, which `run` and people read. */
export function sum([passed, failed]) {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

/** Asks again until the answer is something. */
export async function eventually(what, ask, patience = 10_000) {
  const until = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > until) assert.fail(`it never came to it: ${what}`);
    await pause(100);
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Reads the record of the page's browser. */
export async function record(of) {
  const cookies = await of.evaluate(() => document.cookie);
  const [, name, text] = cookies.match(/(sv[0-9a-z]+)=(1\.[^;]*)/);
  const [, visitor, visit, , , count, source] = text.split(".");
  return { name, visitor, visit, count: Number(count), source };
}
