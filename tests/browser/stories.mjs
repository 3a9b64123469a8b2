// The walk of a person who connects a service: each story begins where the one before ended.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { dialogue, goal, hit, id, startHub } from "./hub.mjs";

const OWNER = { email: "owner@example.com", password: "a long password" };
const SECRET = "hK2-demo";
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SHOTS;
if (shots) await mkdir(shots, { recursive: true });

const hub = await startHub();
const profile = await mkdtemp(join(tmpdir(), "skvoz-profile-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM,
  headless: true,
  locale: "ru-RU",
  viewport: { width: 1280, height: 900 },
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const page = await context.newPage();
page.setDefaultTimeout(10_000);
const complaints = [];
page.on("console", (message) => {
  if (message.type() === "error") complaints.push(`${page.url()}: ${message.text()}`);
});
page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));

const open = (path) => page.goto(hub.url + path);
const text = () => page.locator("body").innerText();
const button = (name) => page.getByRole("button", { name });
const link = (name) => page.getByRole("link", { name });

/** Opens the page again until the condition holds: the pipeline works beside us. */
async function eventually(path, holds) {
  for (let tries = 0; tries < 100; tries += 1) {
    await open(path);
    if (await holds()) return;
    await page.waitForTimeout(100);
  }
  assert.fail(`${path} never came to it:\n${await text()}`);
}

const known = { chats: "", leads: "", tracker: "", visit: id("v"), visitor: id("c"), row: "", raw: "" };

const stories = {
  "without a user every page leads to the first run": async () => {
    for (const path of ["/", "/communications", "/login", "/inbox/1"]) {
      await open(path);
      assert.equal(new URL(page.url()).pathname, "/first-run", path);
    }
  },

  "the first run says what is wrong and keeps what was typed": async () => {
    await page.fill("[name=email]", OWNER.email);
    await page.fill("[name=password]", OWNER.password);
    await page.fill("[name=workspace]", "Windows Ltd");
    await page.fill("[name=site]", "два слова");
    await page.click("button.btn-primary");
    assert.match(await text(), /Нужен домен/);
    assert.equal(await page.inputValue("[name=email]"), OWNER.email);
    assert.equal(await page.inputValue("[name=timezone]"), "Europe/Moscow");
  },

  "the first run makes the workspace and leads to the integrations": async () => {
    await page.fill("[name=password]", OWNER.password);
    await page.fill("[name=site]", "https://shop.example.com/page");
    await page.click("button.btn-primary");
    await page.waitForURL(/\/integrations/);
    assert.match(await text(), /Интеграций пока нет/);
  },

  "an empty table says what to do": async () => {
    await open("/");
    assert.match(await text(), /Обращений пока нет/);
    await link("Подключить сервис").click();
    await page.waitForURL(/\/integrations$/);
  },

  "after signing out a wrong password is refused and the right one leads back": async () => {
    await page.click("[data-bs-toggle=dropdown]");
    await button("Выйти").click();
    await page.waitForURL(/\/login/);
    await open("/sites");
    await page.waitForURL(/\/login\?back=/);
    await page.fill("[name=email]", OWNER.email);
    await page.fill("[name=password]", "wrong password");
    await button("Войти").click();
    assert.match(await text(), /Почта или пароль не подходят/);
    await page.fill("[name=password]", OWNER.password);
    await button("Войти").click();
    await page.waitForURL(/\/sites$/);
    known.tracker = await page.locator("[id^=collect-]").textContent();
    assert.ok(known.tracker.startsWith(hub.url), known.tracker);
  },

  "a form of another site is refused": async () => {
    const cookies = (await context.cookies()).map((one) => `${one.name}=${one.value}`).join("; ");
    const send = (origin) =>
      fetch(`${hub.url}/sites`, {
        method: "POST",
        redirect: "manual",
        headers: { cookie: cookies, "content-type": "application/x-www-form-urlencoded", ...origin },
        body: "host=evil.example.com",
      });
    assert.equal((await send({ origin: "https://evil.example.com" })).status, 403);
    assert.equal((await send({ origin: "null" })).status, 403);
    await open("/sites");
    assert.doesNotMatch(await text(), /evil/);
  },

  "an integration is made, and its addresses can be copied": async () => {
    await open("/integrations");
    await page.locator(".card", { hasText: "Talk-me" }).getByRole("link", { name: "Подключить" }).click();
    await page.fill("[name='own.secret_key']", SECRET);
    await page.locator("[name=offline_leads]").check();
    await button("Сохранить").click();
    await page.waitForURL(/done=created/);
    known.chats = await page.locator("#address").innerText();
    known.leads = await page.locator("#address-leads").innerText();
    assert.equal(known.leads, `${known.chats}/leads`);
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: hub.url });
    await page.click("[data-copy='#address']");
    await page.locator("[data-copy='#address'].copied").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), known.chats);
  },

  "the script of the site is copied as a tag and as bare code, from both pages": async () => {
    const tag = `<script async src="${known.tracker}.js"></script>`;
    for (const path of [new URL(page.url()).pathname, "/sites"]) {
      await open(path);
      assert.equal(await page.locator("#script-1").innerText(), tag);
      await page.click("[data-copy='#script-js-1']");
      await page.locator("[data-copy='#script-js-1'].copied").waitFor();
      const code = await page.evaluate(() => navigator.clipboard.readText());
      assert.ok(code.includes(`${known.tracker}.js`) && !code.includes("<"), code);
    }
    await page.click("summary:has-text('С собственного домена')");
    const own = await page.locator("#own-tag-1").innerText();
    const [, path] = own.match(/src="(\/[a-z]+-[a-z]+\/\w+)\.js"/);
    for (const [title, word, line] of [
      ["nginx", "nginx", `proxy_pass ${known.tracker};`],
      ["Apache", "apache", `"${known.tracker}$1"`],
      ["Caddy", "caddy", `reverse_proxy ${hub.url} {`],
    ]) {
      await page.click(`summary:text-is("${title}")`);
      await page.click(`[data-copy='#own-${word}-1']`);
      await page.locator(`[data-copy='#own-${word}-1'].copied`).waitFor();
      const lines = await page.evaluate(() => navigator.clipboard.readText());
      assert.ok(lines.includes(path) && lines.includes(line) && lines.split("\n").length > 5, lines);
    }
    await page.goBack();
  },

  "a wrong setting is told at its field, and a kept secret is never shown": async () => {
    assert.doesNotMatch(await page.content(), new RegExp(SECRET));
    await page.fill("[name='own.timezone']", "Moscow");
    await button("Сохранить").click();
    const error = page.locator("[id='own.timezone-error']");
    assert.match(await error.innerText(), /Europe\/Moscow/);
    await page.fill("[name='own.timezone']", "Europe/Moscow");
    await button("Сохранить").click();
    await page.waitForURL(/done=saved/);
  },

  "the switch of the target changes the lists below": async () => {
    assert.ok(await page.locator("#campaign").isVisible());
    assert.ok(!(await page.locator("#source").isVisible()));
    await page.locator("label", { has: page.locator("[name=target_kind][value=source]") }).click();
    assert.ok(await page.locator("#source").isVisible());
    assert.ok(!(await page.locator("#campaign").isVisible()));
    await page.locator("[data-rows]", { hasText: "мессенджеров" }).locator("[data-add-row]").click();
    assert.ok(await page.locator("[name=messenger_source]").last().isVisible());
    assert.ok(!(await page.locator("[name=messenger_campaign]").last().isVisible()));
  },

  "a visit and a chat come in and meet in the table": async () => {
    const visit = { visitor: known.visitor, visit: known.visit };
    const arrival = "https://shop.example.com/okna?utm_source=yandex&utm_medium=cpc&utm_campaign=osen&yclid=9988776655";
    await hit(known.tracker, { ...visit, page: arrival, referrer: "https://yandex.ru/", title: "Windows" });
    await hit(known.tracker, { ...visit, page: "https://shop.example.com/ceny", title: "Prices" });
    await dialogue(known.chats, { number: 1, visit: known.visit, name: "Irina", phone: "79005550142", secret: SECRET });
    await dialogue(known.chats, { number: 2, name: "Pavel", phone: "79005550199", secret: "another" });
    await eventually("/communications", async () => (await text()).includes("Irina"));
    assert.match(await text(), /Точная/);
    assert.doesNotMatch(await text(), /Pavel/);
  },

  "the visit stands in the table of visits, and its row leads to its pages": async () => {
    await open("/visits");
    assert.match(await text(), /yandex \/ cpc \/ osen/);
    assert.match(await text(), /yclid/);
    assert.match(await text(), /2 страницы/);
    await page.locator("[name=channel_group]").selectOption("email");
    await page.waitForURL(/channel_group=email/);
    await page.getByText("не подходит ни одно посещение").waitFor();
    await link("Сбросить фильтры").click();
    await page.waitForURL(/\/visits$/);
    await page.locator("table a").first().click();
    await page.waitForURL(/\/visits\/\d+$/);
    assert.match(await text(), /Prices/);
  },

  "filters stand in the address and narrow the table": async () => {
    await open("/communications?kind=&provider=talkme&text=79005550142");
    assert.equal(new URL(page.url()).search, "?text=79005550142&provider=talkme");
    assert.match(await text(), /Irina/);
    await open("/communications?kind=offline_lead");
    assert.match(await text(), /Ничего не найдено/);
    await link("Сбросить фильтры").click();
    await page.locator("label", { has: page.locator("[name=kind][value=chat]") }).click();
    await page.waitForURL(/kind=chat/);
    assert.match(await text(), /Irina/);
  },

  "the communication tells who wrote, from which visit, and why it was credited so": async () => {
    await open("/communications");
    await page.locator("tbody .row-link").first().click();
    await page.waitForURL(/\/communications\/\d+$/);
    known.row = new URL(page.url()).pathname;
    const shown = await text();
    for (const part of ["Irina", "+7 900 555-01-42", "How much is a window?", "Почему такой источник",
      "Вернулся номер нашего посещения", "utm_campaign", "osen", "9988776655", "Prices"]) {
      assert.ok(shown.includes(part), part);
    }
    await page.locator("#raw a").first().click();
    await page.waitForURL(/\/inbox\/\d+$/);
    known.raw = new URL(page.url()).pathname;
    assert.match(await text(), /dialogFinished/);
  },

  "the inbox shows what was set aside, and a repeat changes nothing": async () => {
    await open("/inbox?state=set_aside");
    assert.match(await text(), /Секретный ключ не совпал/);
    await open(known.raw);
    await button("Повторить").click();
    await page.waitForURL(/done=replayed/);
    await eventually(known.raw, async () => /Обработано|Повтор/.test(await page.locator("h1").innerText()));
    await open("/communications");
    assert.equal(await page.locator("tbody tr").count(), 1);
  },

  "a repeat of many says how many before it is done": async () => {
    await open("/integrations");
    await page.locator("tbody .row-link").first().click();
    await page.fill("[name='own.secret_key']", "another");
    await button("Сохранить").click();
    await page.waitForURL(/done=saved/);
    await open("/inbox?state=set_aside");
    await link("Повторить все отобранные").click();
    assert.match(await text(), /Отобрано: 1/);
    await button("Повторить").click();
    await page.waitForURL(/done=replayed/);
    await eventually("/communications", async () => (await text()).includes("Pavel"));
  },

  "a campaign gets its communications when the past is credited again": async () => {
    await open("/campaigns");
    await link("Добавить").first().click();
    await page.fill("[name=name]", "Autumn");
    await page.fill("[name=condition_value]", "osen");
    await button("Добавить условие").click();
    assert.equal(await page.locator("[name=condition_value]").count(), 2);
    assert.equal(await page.inputValue("[name=name]"), "Autumn");
    await page.locator("[name=condition_parameter]").nth(1).selectOption("utm_source");
    await page.locator("[name=condition_operator]").nth(1).selectOption("~");
    await page.locator("[name=condition_value]").nth(1).fill("(");
    await button("Сохранить").click();
    assert.match(await text(), /Проверьте регулярные выражения/);
    await page.locator("[name=condition_value]").nth(1).fill("^yandex$");
    await page.locator("[name=recredit]").check();
    await button("Сохранить").click();
    await page.waitForURL(/done=saved/);
    assert.match(await text(), /utm_campaign равно «osen» и utm_source регулярное выражение/);
    await eventually(known.row, async () => (await text()).includes("Autumn"));
    assert.match(await text(), /Прежний источник/);
  },

  "a source, an employee and a tag are made, changed and removed": async () => {
    await open("/sources/new");
    await page.fill("[name=name]", "Telegram channel");
    await page.locator("[name=channel_group]").selectOption("social");
    await page.fill("[name=condition_value]", "tg");
    await button("Сохранить").click();
    await page.waitForURL(/\/sources\?done=saved/);
    await link("Telegram channel").click();
    assert.equal(await page.inputValue("[name=condition_value]"), "tg");
    for (const path of ["/employees", "/tags"]) {
      await open(path);
      await page.fill(".col-lg-4 [name=name]", "One");
      await button("Добавить").click();
      await page.waitForURL(/done=added/);
      await page.fill(".list-group [name=name]", "Other");
      await page.locator(".list-group button[aria-label=Сохранить]").click();
      await page.waitForURL(/done=saved/);
      await page.fill(".col-lg-4 [name=name]", "Other");
      await button("Добавить").click();
      assert.match(await text(), /Такое название уже есть/);
      if (path === "/tags") {
        await page.locator(".list-group button[aria-label=Убрать]").click();
        await page.waitForURL(/done=removed/);
      }
    }
  },

  "goals stand among communications and lead to their visit": async () => {
    const visit = { visitor: known.visitor, visit: known.visit };
    await goal(known.tracker, { ...visit, name: "Calculator", data: { price: 24900, window: "1400 × 1300", "<b>": [1, 2] } });
    await goal(known.tracker, { ...visit, name: "lead", data: { name: "Irina", phone: "8 (900) 555-01-42", form: "Callback" } });
    await goal(known.tracker, { ...visit, name: "A goal with a name that is as long as a goal's name may be, 64", data: {} });
    await open("/communications");
    const rows = page.locator("tbody tr");
    assert.equal(await rows.count(), 5);
    for (const part of ["Цель", "Calculator", "price: 24900", "shop.example.com", "+7 900 555-01-42", "Autumn"]) {
      assert.ok((await text()).includes(part), part);
    }
    await page.locator("label", { has: page.locator("[name=kind][value=goal]") }).click();
    await page.waitForURL(/kind=goal/);
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 3);
    await page.fill("[name=text]", "CALC");
    await button("Показать").click();
    await page.waitForURL(/text=CALC/);
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    await page.locator("tbody .row-link").first().click();
    await page.waitForURL(/\/visits\/1$/);
    for (const part of ["Цели", "Calculator", "1400 × 1300", "<b>", "Callback"]) assert.ok((await text()).includes(part), part);
  },

  "a key of the API is shown once and works until it is revoked": async () => {
    await open("/settings");
    await page.fill("[name=key_name]", "Report");
    await button("Выпустить ключ").click();
    const key = await page.locator("#api-key").innerText();
    const ask = () => fetch(`${hub.url}/api/v1/communications`, { headers: { authorization: `Bearer ${key}` } });
    assert.equal((await ask()).status, 200);
    await open("/settings");
    assert.ok(!(await page.content()).includes(key));
    await button("Отозвать").click();
    await page.waitForURL(/done=key_revoked/);
    assert.equal((await ask()).status, 401);
  },

  "a viewer sees no contacts and no buttons that change things": async () => {
    await open("/settings");
    await page.fill("#users [name=email]", "viewer@example.com");
    await page.fill("#users [name=password]", "viewer password");
    await page.locator("[name=role]").selectOption("viewer");
    await button("Добавить пользователя").click();
    await page.waitForURL(/done=user_added/);
    const sign = await fetch(`${hub.url}/login`, {
      method: "POST", redirect: "manual",
      headers: { origin: hub.url, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ email: "viewer@example.com", password: "viewer password" }),
    });
    const cookie = sign.headers.get("set-cookie").split(";")[0];
    const get = async (path) => (await fetch(hub.url + path, { headers: { cookie, accept: "text/html" } })).text();
    for (const path of ["/communications", known.row, known.raw, "/inbox", "/integrations/1", "/visits/1", "/sites"]) {
      const shown = await get(path);
      for (const hidden of ["Irina", "9005550142", "555-01-42", "/in/talkme/", SECRET]) {
        assert.ok(!shown.includes(hidden), `${hidden} on ${path}`);
      }
      assert.doesNotMatch(shown, /action="\/(?!login|logout|language|communications"|inbox")/, path);
    }
    const send = (path) => fetch(hub.url + path, { method: "POST", redirect: "manual", headers: { cookie, origin: hub.url } });
    for (const path of ["/sites", "/integrations/1", "/integrations/1/rotate", "/inbox/1/replay", "/settings/keys", "/tags"]) {
      assert.equal((await send(path)).status, 403, path);
    }
    assert.doesNotMatch(await get("/communications?text=79005550142"), /0142<\/div>/);
  },

  "the audit log tells who did what": async () => {
    await open("/settings/audit");
    const shown = await text();
    for (const part of ["Создан кабинет", "Создана интеграция", "Создана кампания", "Отозван ключ API", OWNER.email]) {
      assert.ok(shown.includes(part), part);
    }
  },

  "too many tries to sign in are stopped": async () => {
    const attempt = (password, email = "guess@example.com") => fetch(`${hub.url}/login`, {
      method: "POST", redirect: "manual",
      headers: { origin: hub.url, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ email, password }),
    });
    for (let tries = 0; tries < 12; tries += 1) assert.equal((await attempt(OWNER.password, OWNER.email)).status, 303, "a right password is no try");
    let status = 0;
    for (let tries = 0; tries < 12 && status !== 429; tries += 1) status = (await attempt(`${tries} guess`)).status;
    assert.equal(status, 429);
  },

  "what does not exist has a page with a way out": async () => {
    const answer = await open("/communications/999999");
    assert.equal(answer.status(), 404);
    assert.match(await text(), /Такой страницы нет/);
    await link("К обращениям").click();
    await page.waitForURL(/\/communications$/);
    complaints.length = 0;
  },

  "in English no page has Russian words of ours": async () => {
    await open("/communications");
    await page.locator("button[name=language]").first().click();
    await page.waitForLoadState();
    for (const path of places()) {
      await open(path);
      const russian = await page.evaluate(() => {
        const own = [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          const inside = node.parentElement;
          // The guide with the service's own menu names, and the other language's name.
          if (inside.closest("template, noscript, .guide, [lang]:not(html)")) continue;
          if (/[а-яё]/i.test(node.textContent)) own.push(node.textContent.trim());
        }
        return own;
      });
      assert.deepEqual(russian, [], path);
      if (shots) await shoot("en", path);
    }
    await page.locator("button[name=language]").first().click();
    await page.waitForLoadState();
  },

  "pages fit into 390 px": async () => {
    await page.setViewportSize({ width: 390, height: 800 });
    for (const path of places()) {
      await open(path);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
      if (shots) await shoot("ru-390", path);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
    if (shots) for (const path of places()) { await open(path); await shoot("ru", path); }
  },

  "axe finds nothing serious": async () => {
    const told = [];
    for (const path of places()) {
      await open(path);
      await page.evaluate(axe);
      const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
      const serious = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
      told.push(...serious.map((one) => `${path} ${one.id}: ${one.nodes.map((node) => node.target).join(" ; ").slice(0, 300)}`));
    }
    assert.deepEqual(told, []);
  },

  "no page made the browser complain": async () => {
    assert.deepEqual(complaints, []);
  },
};

function places() {
  return [
    "/communications", "/communications?kind=goal", "/communications?kind=callback", known.row, "/inbox", known.raw, "/inbox/replay",
    "/visits", "/visits/1", "/campaigns", "/campaigns/1", "/sources", "/sources/new", "/employees", "/tags", "/settings", "/settings/audit",
    "/integrations", "/integrations/1", "/integrations/new/jivosite", "/integrations/new/leadback", "/sites",
  ];
}

async function shoot(kind, path) {
  const name = path.replace(/[/?=]+/g, "_").replace(/^_/, "");
  await page.screenshot({ path: join(shots, `${kind}-${name}.png`), fullPage: true });
}

let failed = 0;
for (const [name, story] of Object.entries(stories)) {
  try {
    await story();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${String(error.stack).slice(0, 1500)}\nat ${page.url()}`);
    if (shots) await page.screenshot({ path: join(shots, `failed-${failed}.png`), fullPage: true }).catch(() => {});
  }
}
await context.close();
await hub.stop();
await rm(profile, { recursive: true, force: true });
console.log(`${Object.keys(stories).length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
