// The core stories of the script in Firefox as people have it, driven over WebDriver BiDi:
// Playwright drives only a Firefox of its own.

import assert from "node:assert/strict";
import puppeteer from "puppeteer-core";
import { core } from "./core.mjs";
import { eventually, lay, sum, tell } from "./ground.mjs";

const at = { scene: {}, complaints: [], body: (request) => request.fetchPostData() };
const ground = await lay(at);
const { ad, clicked, whole } = ground;
let context;

const start = (preferences) =>
  puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX,
    headless: true,
    extraPrefsFirefox: { "network.dns.localDomains": "shop.test,brand.test", ...preferences },
  });

at.open = async () => {
  const opened = await context.newPage();
  opened.setDefaultTimeout(10_000);
  opened.on("pageerror", (error) => at.complaints.push(`${opened.url()}: ${error.message}`));
  opened.on("console", (said) => said.type() == "error" && at.complaints.push(`${opened.url()}: ${said.text()}`));
  return opened;
};

/** Tells stories in a Firefox with these preferences. */
async function tellIn(preferences, stories) {
  const browser = await start(preferences);
  const begin = async () => {
    context = await browser.createBrowserContext();
    at.page = await at.open();
  };
  const told = await tell(at, stories, begin, () => context.close());
  await browser.close();
  return told;
}

const everywhere = await tellIn({}, core(at, ground));

/** The preference of a person who lets no site keep anything. */
const denying = await tellIn({ "network.cookie.cookieBehavior": 2 }, {
  "storage denied: the page goes on, and so does the visit on it": async () => {
    await at.page.goto(ad("denied-1"));
    const visit = await clicked("denied-1");
    assert.equal(await at.page.evaluate(() => { try { return typeof localStorage; } catch (error) { return error.name; } }), "SecurityError");
    await at.page.evaluate(() => history.pushState({}, "", "/next"));
    await eventually("two pages", async () => (await whole(visit)).hits.length == 2);
  },
});

await ground.leave();
sum([everywhere[0] + denying[0], everywhere[1] + denying[1]]);
