// The script on real pages: the site, the vendors and the hub have different origins. Each story has
// a browser profile of its own.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { core } from "./core.mjs";
import { OWNER, eventually, lay, ownPath, pause, record as recordOf, sum, tell } from "./ground.mjs";
import { Vendors, widgets } from "./widgets.mjs";

const vendors = new Vendors();
/** What stands on the pages now. */
let scene = {};
let hub, context, page, complaints, cookie;
const at = {
  get scene() { return scene; }, set scene(next) { scene = next; },
  get hub() { return hub; }, set hub(next) { hub = next; },
  get page() { return page; },
  get complaints() { return complaints; }, set complaints(next) { complaints = next; },
  open: () => open(),
  body: (request) => request.postData(),
};
const ground = await lay(at, vendors);
const { made, keys, web, api, visits, whole, clicked, shop, ad } = ground;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  headless: true,
  ignoreDefaultArgs: ["--disable-back-forward-cache"],
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP *.test 127.0.0.1",
  ],
});

const addresses = {};
const integrations = {};
let number = 100;

const communication = async (name) =>
  (await api("/communications?limit=100")).items.find((one) => one.contact.name === name);

/** Reads the record of the page's browser. */
const record = (of = page) => recordOf(of);

async function open(of = context) {
  const opened = await of.newPage();
  opened.setDefaultTimeout(10_000);
  opened.on("pageerror", (error) => complaints.push(`${opened.url()}: ${error.message}`));
  opened.on("console", (said) => said.type() == "error" && complaints.push(`${opened.url()}: ${said.text()}`));
  return opened;
}

/** The walk of a person who chats in a second tab after a reload; another visit begins before the
 * vendor's webhook comes. Returns the communication and the visit of the chat. */
async function chat(service, { ready = true, reload = true, settle = 700, host = "shop.test" } = {}) {
  const click = `${service}-${(number += 1)}`;
  const name = `Irina ${number}`;
  const address = ad(click).replace("shop.test", host);
  await page.goto(address);
  const visit = await clicked(click);
  await page.goto(web.origin(host) + "/ceny");
  const tab = await open();
  await tab.goto(web.origin(host) + "/kontakty");
  if (reload) await tab.reload();
  await tab.waitForFunction(() => window.write);
  if (ready) await eventually(`${service} hears of the visit`, () => JSON.stringify(vendors.known[service] ?? "").includes(visit.key));
  await pause(settle);
  await tab.evaluate(([who, phone]) => window.write(who, phone), [name, `7900555${1000 + number}`]);
  await vendors.chatted(service);
  await pause(2100);
  await page.goto(web.origin(host) + `/other?utm_source=vk&utm_campaign=later${number}`);
  await eventually("the later visit", async () => (await visits()).find((one) => one.utm_campaign === `later${number}`));
  await vendors.deliver(service, addresses[`${service} ${host}`] ?? addresses[service], number);
  const found = await eventually(`${name} is there`, async () => {
    const one = await communication(name);
    return one?.visit && one;
  });
  return { found, visit };
}

const isExact = ({ found, visit }, rule) => {
  assert.equal(found.visit.key, visit.key, JSON.stringify(found.receipt));
  assert.equal(found.link.strength, "exact", JSON.stringify(found.link));
  if (rule) assert.equal(found.link.rule, rule);
};

const stories = {
  ...core(at, ground),

  "half an hour of silence and a day end a visit": async () => {
    await page.goto(shop("/"));
    const first = await record();
    const age = (last, start) =>
      page.evaluate(([name, last, start]) => {
        const parts = document.cookie.match(`${name}=([^;]*)`)[1].split(".");
        const back = (text, seconds) => (parseInt(text, 36) - seconds).toString(36);
        [parts[3], parts[4]] = [back(parts[3], start), back(parts[4], last)];
        document.cookie = `${name}=${parts.join(".")};path=/;domain=shop.test`;
      }, [first.name, last, start]);
    await age(29 * 60, 29 * 60);
    await page.goto(shop("/1"));
    assert.equal((await record()).visit, first.visit);
    await age(31 * 60, 31 * 60);
    await page.goto(shop("/2"));
    const second = await record();
    assert.equal(second.count, 2);
    await age(60, 25 * 3600);
    await page.goto(shop("/3"));
    assert.equal((await record()).count, 3);
    assert.equal((await record()).visitor, first.visitor);
  },

  "a page out of the browser's page cache is seen again, in the same visit": async () => {
    await page.goto(ad("back-1"));
    const visit = await clicked("back-1");
    await page.evaluate(() => addEventListener("pageshow", (event) => (window.persisted = event.persisted)));
    await page.goto(shop("/ceny"));
    await page.goBack({ waitUntil: "commit" });
    await page.waitForFunction(() => window.persisted === true);
    const { hits } = await eventually("three pages", async () => {
      const one = await whole(visit);
      return one.hits.length == 3 && one;
    });
    assert.deepEqual(hits.map((hit) => hit.title), ["/okna", "/ceny", "/okna"]);
  },

  "a page that the browser only prepares is counted when somebody sees it": async () => {
    await page.addInitScript(() => {
      Object.defineProperty(document, "prerendering", { get: () => !window.seen });
      window.show = () => {
        window.seen = true;
        document.dispatchEvent(new Event("prerenderingchange"));
      };
    });
    await page.goto(ad("prepared-1"));
    await page.waitForFunction(() => window.skvoz?.on);
    await pause(500);
    assert.ok(!(await visits()).some((one) => one.click_ids.yclid === "prepared-1"));
    await page.evaluate(() => window.show());
    await clicked("prepared-1");
  },

  "a step that nobody waited for is sent by a page that goes away": async () => {
    await page.goto(ad("leave-1"));
    const visit = await clicked("leave-1");
    await page.evaluate(() => {
      history.pushState({}, "", "/last-step");
      location.href = "/gone";
    });
    await page.waitForURL(/gone/);
    await eventually("the step came", async () => (await whole(visit)).hits.some((hit) => hit.url.endsWith("/last-step")));
  },

  "the hub's word is taken over": async () => {
    await page.goto(ad("adopt-1"));
    const own = await record();
    await clicked("adopt-1");
    // Another advertising arrival under the same id: the hub gives it a visit of its own.
    const told = await page.evaluate(async ([url, c, v]) => {
      const u = `${location.origin}/x?yclid=adopt-2`;
      return (await fetch(url, { method: "POST", body: JSON.stringify({ m: "adopt2", t: "pv", c, v, u, at: Date.now() }) })).json();
    }, [`${hub.url}/t/${made.site_key}`, own.visitor, own.visit]);
    assert.notEqual(told.v, own.visit);
    await page.route(`${hub.url}/t/${made.site_key}`, (route) => route.fulfill({
      status: 200, headers: { "access-control-allow-origin": "*" }, json: { v: told.v, c: own.visitor },
    }));
    await page.evaluate(() => skvoz("on", "visit", (id) => (window.seen = id)));
    await page.evaluate(() => history.pushState({}, "", "/adopted"));
    await page.waitForFunction((v) => window.seen === v, told.v);
    assert.equal((await record()).visit, told.v);
  },

  "the script loaded twice runs once, calls made before it are kept, and it leaves one global": async () => {
    scene = {
      times: 2,
      head: `<script>window.skvoz=window.skvoz||function(){(skvoz.q=skvoz.q||[]).push(arguments)};
        skvoz("on", "visit", function (id) { window.early = id; });
        const before = new Set(Object.getOwnPropertyNames(window)); window.added = () => Object.getOwnPropertyNames(window).filter((name) => !before.has(name));</script>`,
    };
    await page.goto(ad("twice-1"));
    const visit = await clicked("twice-1");
    await pause(400);
    assert.equal((await whole(visit)).hits.length, 1);
    assert.equal(await page.evaluate(() => window.early), visit.key);
    assert.equal(await page.evaluate(() => skvoz("visit")), visit.key);
    assert.equal(await page.evaluate(() => skvoz("visitor")), visit.visitor_key);
    assert.equal(await page.evaluate(() => skvoz("nonsense", 1)), undefined);
    const added = await page.evaluate(() => window.added());
    assert.deepEqual(added.filter((name) => !["added", "early"].includes(name)), []);
  },

  "goals and leads come to the visit, also those told before the script was there": async () => {
    scene = {
      head: `<script>window.skvoz=window.skvoz||function(){(skvoz.q=skvoz.q||[]).push(arguments)};
        skvoz("event", "Early", { n: 1 }); skvoz("lead", { Email: "Early@Example.org" });</script>`,
    };
    const sent = [];
    page.on("request", (request) => request.method() == "POST" && sent.push(JSON.parse(request.postData())));
    await page.goto(ad("goal-1"));
    const visit = await clicked("goal-1");
    const { name } = await record();
    /** Seconds since the visit was last alive, after it was made older. */
    const age = (seconds) => page.evaluate(([name, seconds]) => {
      const parts = document.cookie.match(`${name}=([^;]*)`)[1].split(".");
      if (seconds) parts[4] = (parseInt(parts[4], 36) - seconds).toString(36);
      document.cookie = `${name}=${parts.join(".")};path=/;domain=shop.test`;
      return Date.now() / 1000 - parseInt(parts[4], 36);
    }, [name, seconds]);
    assert.ok((await age(40 * 60)) >= 40 * 60);
    await page.evaluate(() => skvoz("event", " Заказ ", { price: 24900.5, goods: ["sofa", { id: 7 }] }));
    assert.ok((await age(0)) < 10, "a goal keeps the visit alive");
    await page.evaluate(() => skvoz("lead", { phone: "8 (900) 555-01-77", name: "Irina" }));
    await page.evaluate(() => skvoz("event", "bare"));
    const seen = await eventually("all goals", async () => {
      const one = await whole(visit);
      return one.goals.length >= 5 && one;
    });
    const goals = seen.goals.map(({ name, data }) => [name, data]);
    // Those told before the script came belong to one moment.
    assert.deepEqual([...goals.slice(0, 2).sort(), ...goals.slice(2)], [
      ["Early", { n: 1 }],
      ["lead", { Email: "Early@Example.org" }],
      ["Заказ", { price: 24900.5, goods: ["sofa", { id: 7 }] }],
      ["lead", { phone: "8 (900) 555-01-77", name: "Irina" }],
      ["bare", {}],
    ]);
    assert.equal(seen.hits.length, 1, "a goal is no page");
    assert.equal(seen.hit_count, 1);
    const keys = seen.keys.map((key) => `${key.kind} ${key.value}`);
    for (const key of ["phone +79005550177", "email early@example.org"]) assert.ok(keys.includes(key), key);
    assert.deepEqual(sent.map((message) => message.t), ["pv", "ev", "ev", "ev", "ev", "ev"]);
    assert.ok(sent.every((message) => message.v == visit.key), "a goal begins no visit");
    const { items } = await api(`/goals?visit_id=${visit.id}&name=bare`);
    assert.deepEqual(items.map((goal) => [goal.name, goal.visit.key, goal.site.name]), [["bare", visit.key, "shop.test"]]);
  },

  "storage denied: the page goes on, and so does the visit on it": async () => {
    await page.addInitScript(() => {
      for (const [of, name] of [[window, "localStorage"], [Document.prototype, "cookie"]]) {
        Object.defineProperty(of, name, {
          get() { throw new DOMException("denied", "SecurityError"); },
          set() { throw new DOMException("denied", "SecurityError"); },
        });
      }
    });
    await page.goto(ad("denied-1"));
    const visit = await clicked("denied-1");
    await page.evaluate(() => history.pushState({}, "", "/next"));
    await eventually("two pages", async () => (await whole(visit)).hits.length == 2);
  },

  "frozen globals, strict rules of the page, and a page inside a page": async () => {
    scene = {
      headers: {
        "content-security-policy": `default-src 'none'; script-src ${hub.url}; connect-src ${hub.url}; frame-src 'self'; require-trusted-types-for 'script'`,
      },
      body: `<iframe src="/inside"></iframe>`,
    };
    await page.addInitScript(() => {
      Object.freeze(history);
      for (const one of [Object, Array, Function, String, Promise]) Object.freeze(one.prototype);
    });
    await page.goto(ad("strict-1"));
    const visit = await clicked("strict-1");
    await pause(400);
    assert.equal((await whole(visit)).hits.length, 1, "the inner page is not counted");
    assert.equal(await page.evaluate(() => skvoz("visit")), visit.key);
  },

  "a link to the owner's other domain carries the visit and leaves no trace in the address": async () => {
    await page.goto(ad("cross-1"));
    const visit = await clicked("cross-1");
    const followed = page.waitForRequest((request) => request.isNavigationRequest() && request.url().includes("/brand?"));
    await page.click("#other");
    const [parameter] = new URL((await followed).url()).searchParams.keys();
    await page.waitForURL(/brand$/);
    await pause(300);
    assert.equal((await record()).visit, visit.key);
    assert.equal((await record()).visitor, visit.visitor_key);
    const { hits } = await eventually("both pages", async () => {
      const one = await whole(visit);
      return one.hits.length == 2 && one;
    });
    assert.ok(hits[1].url.endsWith("/brand"), hits[1].url);
    const old = (Math.floor(Date.now() / 1000) - 600).toString(36);
    await page.goto(`${web.origin("brand.test")}/brand?${parameter}=cx.vx.${old}`);
    assert.equal((await record()).visit, visit.key, "an old link is no link");
  },

  "a site that passes a path of its own on: the hub remembers the visitor whom the browser forgot": async () => {
    scene = { path: ownPath, passed: [] };
    const sent = [];
    page.on("request", (request) => sent.push(new URL(request.url()).origin));
    await page.goto(ad("own-1"));
    await clicked("own-1");
    const first = await record();
    const remembered = async () => (await context.cookies()).find((cookie) => cookie.httpOnly);
    const cookie = await eventually("the cookie", remembered);
    assert.equal(cookie.value, first.visitor);
    assert.equal(cookie.domain, ".shop.test");
    assert.equal(cookie.sameSite, "Lax");
    const days = (cookie.expires - Date.now() / 1000) / 86_400;
    assert.ok(days > 399 && days <= 400, String(days));
    assert.ok(!(await page.evaluate(() => document.cookie)).includes(cookie.name));

    // What Safari does after seven days.
    await page.evaluate((name) => {
      document.cookie = `${name}=;path=/;domain=shop.test;max-age=0`;
      localStorage.clear();
    }, first.name);
    assert.equal(await page.evaluate(() => document.cookie), "");
    await page.goto(ad("own-2"));
    const visit = await clicked("own-2");
    assert.equal(visit.visitor_key, first.visitor);
    await eventually("the script takes the visitor over", async () => (await record()).visitor == first.visitor);
    const second = await record();
    assert.equal(second.visit, visit.key, "and the visit stays");
    assert.notEqual(second.visit, first.visit);
    assert.equal(await page.evaluate(() => skvoz("visitor")), first.visitor);

    await page.evaluate(() => {
      history.pushState({}, "", "/last-step");
      location.href = "/gone";
    });
    await page.waitForURL(/gone/);
    await eventually("the step came", async () => (await whole(visit)).hits.some((hit) => hit.url.endsWith("/last-step")));
    const leaving = scene.passed.find(({ body }) => body.includes("/last-step"));
    assert.ok(leaving.cookie.includes(`${cookie.name}=${cookie.value}`), "a leaving page sends it too");
    await page.evaluate(() => skvoz("consent", false));
    await eventually("a refusal ends it", async () => !(await remembered()));
    assert.deepEqual([...new Set(sent)], [web.origin("shop.test")], "nothing went anywhere else");
  },

  "ids of other counters come to the visit, early or late": async () => {
    scene = {
      head: `<script>
        document.cookie = "_ym_uid=1786010400123456789"; document.cookie = "_ga=GA1.1.1093456721.1786010400";
        setTimeout(() => {
          window.roistat = { getVisit: () => 2048117 };
          window.ct = (call, id) => id ? {} : [{ modId: "abc", sessionId: 704511223, siteId: 1 }];
          let answered = 0;
          window.Comagic = { getCredentials: () => (answered += 1) < 3 ? { visitor_id: "", session_id: null } :
            { site_key: "k", visitor_id: 9912345678, session_id: 13870011223, hit_id: 98765432101 } };
        }, 600);</script>`,
    };
    await page.goto(ad("ids-1"));
    const visit = await clicked("ids-1");
    const expected = ["metrica_client 1786010400123456789", "google_client 1093456721.1786010400", "roistat_visit 2048117",
      "calltouch_session 704511223", "comagic_visit 13870011223", "comagic_visitor 9912345678"];
    await eventually("all ids", async () => {
      const keys = (await whole(visit)).keys.map((key) => `${key.kind} ${key.value}`);
      return expected.every((key) => keys.includes(key));
    });
  },

  "JivoSite: the chat finds its visit, though another began before the webhook": async () => {
    scene = { head: widgets.jivosite() };
    isExact(await chat("jivosite"), "link.visit_id");
  },

  "JivoSite late, with a callback of the site that goes on working": async () => {
    scene = { head: `<script>function jivo_onLoadCallback() { window.siteHeard = true; }</script>` + widgets.jivosite({ after: 2500 }) };
    isExact(await chat("jivosite"));
    assert.equal(await page.evaluate(() => new Promise((done) => setTimeout(() => done(window.siteHeard), 3000))), true);
  },

  "JivoSite twice on the page": async () => {
    scene = { head: widgets.jivosite() + widgets.jivosite({ after: 900 }) };
    isExact(await chat("jivosite"));
  },

  "JivoSite broken: its number still leads to the visit": async () => {
    scene = { head: widgets.jivosite({ throwing: true }) };
    isExact(await chat("jivosite", { ready: false, reload: false }), "link.bound_user");
  },

  "JivoSite with its slot taken by the site: the site's token stays, the number and the alias lead to the visit": async () => {
    scene = {
      head: `<script>function jivo_onLoadCallback() { setTimeout(() => jivo_api.setUserToken("shop-user-17"), 400); }</script>` + widgets.jivosite(),
    };
    const linked = await chat("jivosite", { ready: false });
    isExact(linked, "link.bound_user");
    await pause(5500);
    assert.equal(vendors.known.jivosite.token, "shop-user-17");
    assert.ok((await whole(linked.visit)).keys.some((key) => key.kind == "site_user" && key.value == "shop-user-17"));
  },

  "JivoSite with a callback of the site that was there before the widget and after the script": async () => {
    scene = {
      head: `<script>setTimeout(() => { window.jivo_onLoadCallback = () => jivo_api.setUserToken("shop-user-18"); }, 600);</script>` + widgets.jivosite({ after: 900 }),
    };
    isExact(await chat("jivosite", { ready: false, settle: 1500 }), "link.bound_user");
    await pause(5500);
    assert.equal(vendors.known.jivosite.token, "shop-user-18");
  },

  "JivoSite in mode share: the slot is never written": async () => {
    await api(`/integrations/${integrations.jivosite}`, "PATCH", { settings: { token_mode: "share" } });
    await pause(1200);
    scene = { head: widgets.jivosite() };
    const linked = await chat("jivosite", { ready: false, reload: false });
    isExact(linked, "link.bound_user");
    assert.equal(vendors.known.jivosite, undefined);
    await api(`/integrations/${integrations.jivosite}`, "PATCH", { settings: { token_mode: "own" } });
  },

  "Talk-me: the chat finds its visit, and the site's own field stays": async () => {
    scene = { head: widgets.talkme() };
    isExact(await chat("talkme"), "link.visit_id");
    assert.equal(vendors.known.talkme.custom.shop_user, "u-17");
  },

  "Talk-me late, with its number as a text": async () => {
    scene = { head: widgets.talkme({ after: 2500, clientId: "text" }) };
    isExact(await chat("talkme"));
  },

  "Verbox under its own name": async () => {
    scene = { head: widgets.talkme({ method: "Verbox", service: "verbox" }) };
    isExact(await chat("verbox"));
  },

  "Carrot quest: the conversation is bound to the visit it began in": async () => {
    scene = { head: widgets.carrotquest() };
    isExact(await chat("carrotquest"), "link.bound_chat");
  },

  "Carrot quest alone brings the script, after its onReady; then visitors are merged": async () => {
    const snippet = await bareSnippet();
    scene = { tracker: false, head: widgets.carrotquest({ after: 400, loads: snippet, merged: true }) };
    isExact(await chat("carrotquest"), "link.bound_chat");
  },

  "LeadBack: the mark of the order leads to the visit": async () => {
    scene = { head: widgets.leadback() };
    const { found, visit } = await chat("leadback", { ready: false });
    assert.equal(found.visit.key, visit.key, JSON.stringify(found.receipt));
    assert.equal(found.link.strength, "probable");
    assert.equal(found.link.rule, "link.client_mark");
  },

  "LeadBack through a counter's own object": async () => {
    scene = { head: widgets.leadback({ counter: "object" }) };
    const { found, visit } = await chat("leadback", { ready: false, host: "brand.test" });
    assert.equal(found.visit.key, visit.key, JSON.stringify(found.receipt));
    assert.equal(found.link.strength, "probable");
  },

  "no widget at all, and one that throws at everything": async () => {
    scene = {
      head: `<script>
        const broken = () => { throw new Error("broken"); };
        Object.defineProperty(window, "jivo_api", { get: broken });
        window.supportAPIMethod = "TalkMe"; window.TalkMe = broken;
        window.carrotquest = new Proxy({}, { get: broken });
        Object.defineProperty(window, "Comagic", { get: broken });
        window.roistat = { getVisit: broken }; window.ct = broken; window.gtag = broken; window.ym = broken;
        window.yaCounter1 = Object.freeze({ reachGoal: broken });
      </script>`,
    };
    await page.goto(ad("broken-1"));
    const visit = await clicked("broken-1");
    await pause(1500);
    assert.equal((await whole(visit)).hits.length, 1);
  },

  "the main thread is kept for at most 10 ms while the page loads": async () => {
    scene = {};
    const spent = [];
    for (let n = 0; n < 3; n += 1) {
      const client = await context.newCDPSession(page);
      await client.send("Profiler.enable");
      await client.send("Profiler.setSamplingInterval", { interval: 200 });
      await client.send("Profiler.start");
      await page.goto(shop(`/load-${n}`));
      await pause(300);
      const { profile } = await client.send("Profiler.stop");
      const ours = new Set(profile.nodes.filter((node) => node.callFrame.url.includes("/t/")).map((node) => node.id));
      spent.push(profile.samples.reduce((sum, id, at) => sum + (ours.has(id) ? profile.timeDeltas[at] : 0), 0) / 1000);
      await client.detach();
    }
    console.log(`        main thread, ms: ${spent.map((ms) => ms.toFixed(1)).join(", ")}`);
    assert.ok(Math.min(...spent) <= 10, String(spent));
  },

  "a link to a messenger carries the visit's code while it is followed": async () => {
    scene.body = messengers();
    await page.goto(ad("code-1"));
    await clicked("code-1");
    const code = await codeOf(page);
    assert.match(code, /^\d{7,9}$/);
    const followed = (id) => follow(page, id);
    assert.equal(await followed("bot"), `http://t.me/window_shop_bot?start=${code}`);
    assert.equal(await followed("max"), `https://max.ru/id771_bot?start=${code}`);
    assert.equal(await followed("person"), `https://t.me/window_shop?text=%D0%97%D0%B4%D1%80%D0%B0%D0%B2%D1%81%D1%82%D0%B2%D1%83%D0%B9%D1%82%D0%B5!%20%23${code}`);
    assert.match(await followed("phone"), RegExp(`^https://t\\.me/\\+79005550142\\?text=.*%23${code}$`));
    assert.equal(await followed("send"), `https://api.whatsapp.com/send?phone=+79005550142&text=A+B%20%23${code}`);
    assert.equal(await followed("whatsapp"), `https://wa.me/79005550142?text=Two%20windows%20%23${code}`);
    assert.equal(await followed("viber"), `viber://pa?chatURI=windows&text=%D0%97%D0%B4%D1%80%D0%B0%D0%B2%D1%81%D1%82%D0%B2%D1%83%D0%B9%D1%82%D0%B5!%20%23${code}`);
    assert.equal(await followed("vk"), `https://vk.me/windows?ref=${code}`);
    assert.equal(await followed("taken"), "https://t.me/window_shop_bot?start=1702255511", "what a service wrote stays");
    for (const [id, href] of Object.entries(others)) assert.equal(await followed(id), href, "no link to somebody");
    const href = await page.evaluate(() => document.getElementById("bot").getAttribute("href"));
    assert.equal(href, "//t.me/window_shop_bot", "the link is as the site wrote it");
    await page.reload();
    assert.equal(await followed("bot"), `http://t.me/window_shop_bot?start=${code}`, "a visit has one code");
    await page.goto(ad("code-2"));
    assert.notEqual(await codeOf(page), code);
    await page.evaluate(() => window.skvoz("consent", false));
    assert.equal(await followed("bot"), "http://t.me/window_shop_bot", "nobody who refused is named");
    assert.equal(await codeOf(page), "");
  },

  "a link that the site changes while it is followed stays changed, and one followed twice is cleaned once": async () => {
    scene.body = messengers();
    await page.goto(ad("code-5"));
    await clicked("code-5");
    const code = await codeOf(page);
    await page.evaluate(() => document.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (link.id == "person") link.href = "https://t.me/another";
      if (link.id == "vk" && event.isTrusted) link.click();
    }));
    assert.match(await follow(page, "person"), RegExp(`%23${code}$`));
    assert.equal(await page.evaluate(() => document.getElementById("person").href), "https://t.me/another");
    assert.equal(await follow(page, "vk"), `https://vk.me/windows?ref=${code}`);
    await page.waitForFunction(() => document.getElementById("vk").href == "https://vk.me/windows");
  },

  "a finger on the page is notice enough": async () => {
    await context.close();
    context = await browser.newContext({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 800 } });
    page = await open();
    scene.body = messengers();
    await page.goto(ad("code-3"));
    await clicked("code-3");
    const asked = page.waitForResponse((answer) => (answer.request().postData() ?? "").includes('"code"'));
    await page.touchscreen.tap(300, 700);
    const { code } = await (await asked).json();
    await pause(50);
    await page.tap("#bot");
    assert.equal(await page.evaluate(() => window.followed), `http://t.me/window_shop_bot?start=${code}`);
  },

  "what is written in the messenger links to the visit; a community's mark does not come back, and the receipt says so": async () => {
    scene.body = messengers();
    await page.goto(ad("code-4"));
    const visit = await clicked("code-4");
    await codeOf(page);
    const start = `/start ${new URL(await follow(page, "bot")).searchParams.get("start")}`;
    const words = new URL(await follow(page, "whatsapp")).searchParams.get("text");
    const greeting = new URL(await follow(page, "viber")).searchParams.get("text");
    for (const [service, channel, text] of [
      ["jivosite", "telegram", start], ["jivosite", "whatsapp", words], ["jivosite", "viber", greeting], ["jivosite", "max", start],
      ["talkme", "", start], ["verbox", "", words], ["jivosite", "vk", "How much is a window?"],
    ]) {
      const name = `Writer ${(number += 1)}`;
      vendors.known[service] = {};
      vendors.chats[service] = { name, number, client: `messenger-${number}`, at: Date.now(), text };
      await vendors.deliver(service, addresses[service] + (channel && `/${channel}`), number);
      const found = await eventually(`${name} is there`, () => communication(name));
      if (channel == "vk") {
        assert.equal(found.visit, null);
        assert.equal(found.receipt.find((step) => step.step == "link.code").evidence.reason, "no_code");
      } else {
        assert.equal(found.visit?.key, visit.key, `${service} ${channel}: ${JSON.stringify(found.receipt)}`);
        assert.deepEqual([found.link.rule, found.link.strength], ["link.code", "strong"]);
      }
    }
  },

  "the integration's page says where the script runs and what it cannot do": async () => {
    scene.head = widgets.jivosite({ before: `window.jivo_onLoadCallback = () => {};` });
    await page.goto(ad("sign-1"));
    await clicked("sign-1");
    await eventually("the token is there", () => vendors.known.jivosite?.token);
    await page.evaluate(() => window.jivo_api.setUserToken("another-system-17"));
    await page.evaluate(() => window.skvoz("consent", false));
    const seen = await eventually("the words are there", async () => {
      const shown = await pageOfHub(`/integrations/${integrations.jivosite}`);
      return ["Скрипт работает", "Виджет найден", "Место для номера", "Посетители отказываются"].every((word) => shown.includes(word)) && shown;
    });
    assert.ok(seen.includes(`shop.test:${web.port}`));
    await page.evaluate(() => window.skvoz("consent", true));
    const isMissed = async () => (await pageOfHub(`/integrations/${integrations.talkme}`)).includes("Виджет не появился");
    await eventually("Talk-me's widget is missed", isMissed, 25_000);
  },
};

/** Links that lead to nobody in particular. */
const others = {
  channel: "https://t.me/s/windows/17",
  invite: "https://t.me/+AbCdEf12",
  share: "https://t.me/share/url?url=https://t.me/window_shop",
  elsewhere: "https://vk.com/share.php?url=https://t.me/window_shop",
  outgoing: "https://shop.test/out?to=https://wa.me/79005550142&sig=a+b",
  text: "https://api.whatsapp.com/send?text=A+B",
};

/** Links to messengers; a click leads nowhere and says where it would have led. */
const messengers = () => `
  <p><a id="bot" href="//t.me/window_shop_bot">Telegram</a> <a id="person" href="https://t.me/window_shop">Person</a>
  <a id="whatsapp" href="https://wa.me/79005550142?text=Two%20windows">WhatsApp</a> <a id="viber" href="viber://pa?chatURI=windows">Viber</a>
  <a id="vk" href="https://vk.me/windows">VK</a> <a id="max" href="https://max.ru/id771_bot">MAX</a>
  <a id="taken" href="https://t.me/window_shop_bot?start=1702255511">Taken</a> <a id="phone" href="https://t.me/+79005550142">Phone</a>
  <a id="send" href="https://api.whatsapp.com/send?phone=+79005550142&text=A+B">Send</a>
  ${Object.entries(others).map(([id, href]) => `<a id="${id}" href="${href.replaceAll("&", "&amp;")}">${id}</a>`).join(" ")}</p>
  <script>document.addEventListener("click", (event) => {
    event.preventDefault();
    window.followed = event.target.closest("a")?.href;
  });</script>`;

const follow = async (of, id) => {
  await of.hover(`#${id}`);
  await pause(50);
  await of.click(`#${id}`);
  return of.evaluate(() => window.followed);
};

const codeOf = (of) => of.waitForFunction(() => window.skvoz).then(() => of.evaluate(() => new Promise((told) => window.skvoz("code", told))));

/** A page of the cabinet, in Russian. */
async function pageOfHub(path) {
  cookie ??= await signIn();
  return (await fetch(hub.url + path, { headers: { cookie, accept: "text/html", "accept-language": "ru" } })).text();
}

async function signIn() {
  const signed = await fetch(`${hub.url}/login`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: hub.url, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(OWNER),
  });
  return signed.headers.get("set-cookie").split(";")[0];
}

/** The script as the page of the sites offers it for fields that take bare JavaScript. */
async function bareSnippet() {
  const shown = await pageOfHub("/sites");
  const [, snippet] = shown.match(/id="script-js-1">([^<]*)</);
  const signs = { "&quot;": '"', "&#34;": '"', "&#39;": "'", "&#x27;": "'", "&lt;": "<", "&gt;": ">", "&#60;": "<", "&#62;": ">", "&amp;": "&", "&#38;": "&" };
  return snippet.replace(/&#?\w+;/g, (sign) => signs[sign] ?? sign);
}

async function setUp() {
  const brand = await api("/sites", "POST", { host: "brand.test" });
  keys["brand.test"] = brand.key;
  const base = `http://127.0.0.1:${web.port}`;
  for (const [provider, settings] of [
    ["jivosite", {}], ["talkme", {}], ["verbox", {}], ["carrotquest", { api_key: "app.1.sample", api_base: base }], ["leadback", {}],
  ]) {
    const one = await api("/integrations", "POST", { provider, site_id: 1, active: true, settings });
    addresses[provider] = one.addresses.chats;
    integrations[provider] = one.id;
  }
  const second = await api("/integrations", "POST", { provider: "leadback", site_id: brand.id, active: true });
  addresses["leadback brand.test"] = second.addresses.chats;
}

await setUp();
const begin = async () => {
  vendors.begin(String((number += 1)));
  context = await browser.newContext({ locale: "ru-RU" });
  page = await open();
};
const told = await tell(at, stories, begin, () => context.close());
await browser.close();
await ground.leave();
sum(told);
