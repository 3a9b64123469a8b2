// A hub of the built binary on a free port with a fresh data folder, and small clients for its doors.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";

/** `data` and `listen` bring a hub up again where it was; its own folder goes away with it. */
export async function startHub({ data: kept, listen = "127.0.0.1:0", environment = {} } = {}) {
  const data = kept ?? (await mkdtemp(join(tmpdir(), "skvoz-browser-")));
  const process_ = spawn(process.env.SKVOZ, ["serve", "--data", data, "--listen", listen], {
    env: { ...process.env, SKVOZ_LOG_LEVEL: "info", SKVOZ_LOG_FORMAT: "text", NO_COLOR: "1", ...environment },
  });
  let said = "";
  const address = await new Promise((found, failed) => {
    const hear = (chunk) => {
      said += chunk;
      const match = said.match(/ on (127\.0\.0\.1:\d+)/);
      if (match) found(match[1]);
    };
    process_.stdout.on("data", hear);
    process_.stderr.on("data", hear);
    process_.on("exit", () => failed(new Error(`the hub ended: ${said}`)));
  });
  return {
    url: `http://${address}`,
    log: () => said,
    async stop() {
      const ended = new Promise((done) => process_.once("exit", done));
      process_.kill("SIGTERM");
      await ended;
      if (!kept) await rm(data, { recursive: true, force: true });
    },
  };
}

/** 26 letters of base 32 with the time in front, as the tracker makes them. */
export function id(letter) {
  const letters = "0123456789abcdefghjkmnpqrstvwxyz";
  const time = Buffer.alloc(6);
  time.writeUIntBE(Date.now(), 0, 6);
  let number = BigInt(`0x${Buffer.concat([time, randomBytes(10)]).toString("hex")}`);
  let text = "";
  for (let n = 0; n < 26; n += 1) {
    text = letters[Number(number & 31n)] + text;
    number >>= 5n;
  }
  return letter + text;
}

export async function hit(url, { visitor, visit, page, referrer, title }) {
  const body = {
    m: id("m"), k: url.split("/").pop(), t: "pv", c: visitor, v: visit, n: 1,
    u: page, r: referrer ?? "", ti: title ?? "", w: 1280, tz: -180, l: "ru", at: Date.now(), q: 1,
  };
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "text/plain;charset=UTF-8" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`hit: ${answer.status} ${await answer.text()}`);
}

/** A goal of a visit, as the script tells it. */
export async function goal(url, { visitor, visit, name, data }) {
  const body = { m: id("m"), t: "ev", c: visitor, v: visit, e: { name, data }, at: Date.now() };
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`goal: ${answer.status} ${await answer.text()}`);
}

/** A finished dialogue as Talk-me sends it. */
export async function dialogue(url, { number, visit, name, phone, secret }) {
  const at = (seconds) =>
    new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
  const message = (id, whoSend, text, seconds) => ({
    id, dialogId: number, whoSend, messageType: null, text,
    dateTime: at(seconds), dateTimeUTC: at(seconds), isVisibleForClient: true,
    ...(whoSend === "operator" ? { operator: "anna@shop.example", operatorName: "Anna" } : {}),
  });
  const body = {
    eventId: "dialogFinished", secretKey: secret,
    data: {
      client: {
        searchId: 5000 + number, clientId: `client-${number}`, login: "visitor", name, phone,
        email: null, customData: visit ? { skvoz_visit: visit } : {},
      },
      operator: { login: "anna@shop.example" },
      dialog: {
        id: number,
        messages: [
          message(number * 10, "client", "How much is a window?", 1),
          message(number * 10 + 1, "operator", "From 24 900", 2),
        ],
      },
    },
  };
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (answer.status !== 200) throw new Error(`webhook: ${answer.status} ${await answer.text()}`);
}
