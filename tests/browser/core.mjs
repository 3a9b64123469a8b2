// The stories of the script that every browser must pass, by what Playwright and Puppeteer have in
// common. `ground` is what `lay` of ground.mjs gives; `at` has the page in hand, `open` for another
// one, `body` for what a request carries, the `scene`, the `hub` and the browser's `complaints`.

import assert from "node:assert/strict";
import { environment, eventually, pause, record } from "./ground.mjs";
import { startHub } from "./hub.mjs";

export const core = (at, { data, ad, shop, clicked, visits, whole }) => ({
  "a visit appears with its pages and marks within a second": async () => {
    const began = Date.now();
    await at.page.goto(ad("first-1"));
    const visit = await clicked("first-1");
    assert.ok(Date.now() - began < 3000);
    assert.equal(visit.utm_campaign, "osen");
    assert.equal(visit.key, (await record(at.page)).visit);
    assert.match(visit.key, /^v[0-9a-tvw]{26}$/);
    assert.equal(visit.is_robot, true, "a driven browser says so");
    await at.page.goto(shop("/ceny"));
    const { hits } = await eventually("two pages", async () => {
      const one = await whole(visit);
      return one.hits.length == 2 && one;
    });
    assert.deepEqual(hits.map((hit) => hit.title), ["/okna", "/ceny"]);
  },

  "a reload and a second tab stay in the visit, another click begins one, and an old click none": async () => {
    await at.page.goto(ad("rule-1"));
    const first = await record(at.page);
    await at.page.reload();
    const tab = await at.open();
    await tab.goto(shop("/tab"));
    assert.equal((await record(tab)).visit, first.visit);
    await tab.goto(ad("rule-2"));
    const second = await record(tab);
    assert.notEqual(second.visit, first.visit);
    assert.equal(second.visitor, first.visitor);
    assert.equal(second.count, 2);
    await at.page.reload();
    assert.equal((await record(at.page)).visit, second.visit, "a reload of the first tab changes nothing");
    await at.page.goto(ad("rule-1"));
    assert.equal((await record(at.page)).visit, second.visit, "a click is remembered");
    await at.page.goto(shop("/?utm_source=Mail&utm_campaign=news"));
    assert.equal((await record(at.page)).count, 3);
    await at.page.goto(shop("/?utm_source=mail&utm_campaign=NEWS"));
    assert.equal((await record(at.page)).count, 3, "letter case is no difference");
    await tab.goto(shop("/?utm_source=vk&utm_campaign=spring"));
    assert.equal((await record(tab)).count, 4);
    await at.page.reload();
    assert.equal((await record(at.page)).count, 4, "a reload comes from nowhere");
    await tab.goto(shop("/?utm_source=mail&utm_campaign=news"));
    assert.equal((await record(tab)).count, 5, "other marks than those of the visit, though known");
  },

  "a single-page site: steps with their titles, not fragments, and a way back": async () => {
    await at.page.goto(ad("spa-1"));
    const visit = await clicked("spa-1");
    await at.page.evaluate(async () => {
      history.pushState({}, "", "/one");
      document.title = "One";
      history.replaceState({}, "", "/one#part");
      await new Promise((done) => setTimeout(done, 400));
      history.pushState({}, "", "/two");
      document.title = "Two";
      await new Promise((done) => setTimeout(done, 400));
      history.back();
      await new Promise((done) => setTimeout(done, 100));
      document.title = "One again";
    });
    await pause(600);
    const { hits } = await whole(visit);
    assert.deepEqual(hits.map((hit) => hit.title), ["/okna", "One", "Two", "One again"]);
    assert.ok(hits[1].url.endsWith("/one"), hits[1].url);
  },

  "the hub is away and comes back: nothing is lost, nothing is counted twice": async () => {
    await at.page.goto(ad("queue-0"));
    const visit = await clicked("queue-0");
    const listen = new URL(at.hub.url).host;
    await at.hub.stop();
    await at.page.evaluate(async () => {
      for (const step of ["a", "b"]) {
        history.pushState({}, "", `/offline-${step}`);
        await new Promise((done) => setTimeout(done, 350));
      }
    });
    await pause(2100);
    at.hub = await startHub({ data, listen, environment });
    at.complaints.length = 0;
    await at.page.goto(shop("/online"));
    const { hits } = await eventually("all pages", async () => {
      const one = await whole(visit);
      return one.hits.length >= 4 && one;
    });
    await pause(500);
    assert.deepEqual(hits.map((hit) => new URL(hit.url).pathname), ["/okna", "/offline-a", "/offline-b", "/online"]);
    assert.equal(await at.page.evaluate((name) => localStorage[`${name}q`], (await record(at.page)).name), "[]");
  },

  "nothing is kept or sent before consent, and nothing after it was taken back": async () => {
    at.scene = { attributes: " data-wait" };
    const sent = [];
    at.page.on("request", (request) => request.method() == "POST" && sent.push(at.body(request)));
    await at.page.goto(ad("consent-1"));
    await at.page.waitForFunction(() => window.skvoz?.on);
    await at.page.evaluate(() => history.pushState({}, "", "/quiet"));
    await at.page.evaluate(() => skvoz("event", "quiet"));
    await pause(500);
    assert.deepEqual(sent, []);
    assert.equal(await at.page.evaluate(() => document.cookie + Object.keys(localStorage)), "");
    await at.page.goto(ad("consent-2"));
    await at.page.waitForFunction(() => window.skvoz?.on);
    await at.page.evaluate(() => skvoz("consent", true));
    const visit = await clicked("consent-2");
    await at.page.goto(shop("/again"));
    await eventually("consent outlasts the page", () => sent.length == 2);
    await at.page.evaluate(() => skvoz("consent", false));
    await at.page.evaluate(() => history.pushState({}, "", "/quiet"));
    await at.page.evaluate(() => skvoz("lead", { phone: "89005550142" }));
    await at.page.goto(shop("/quiet"));
    await pause(500);
    assert.deepEqual(await Promise.all(sent.slice(2)), ['{"t":"st","p":{"":"refused"}}'], "of whom is not told");
    const told = await whole(visit);
    assert.deepEqual([told.hits.length, told.goals.length], [2, 0]);
    assert.equal(await at.page.evaluate(() => document.cookie), "");
  },
});
