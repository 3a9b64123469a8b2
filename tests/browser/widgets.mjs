// Stand-ins for the widgets and their vendors, as the vendors' pages describe them: what a page sees
// of each, what its vendor remembers of the visitor, and the webhook that the vendor sends.

/** What each vendor remembers of the one visitor of a story. */
export class Vendors {
  /** A new visitor; what pages of the one before still say is not heard. */
  begin(story) {
    this.story = story;
    this.known = {};
    this.chats = {};
  }

  /** A widget tells its vendor something. */
  hear(service, action, { story, ...body }) {
    if (story != this.story) return;
    if (action == "chat") this.chats[service] = { ...body, at: Date.now() };
    else this.known[service] = { ...this.known[service], ...body };
  }

  /** Waits until the visitor has written. */
  async chatted(service) {
    for (let tries = 0; tries < 100 && !this.chats[service]; tries += 1) await new Promise((done) => setTimeout(done, 50));
    if (!this.chats[service]) throw new Error(`nobody wrote to ${service}`);
  }

  /** The vendor's webhook about the chat, with what it knows of the visitor now. */
  async deliver(service, address, number) {
    await this.chatted(service);
    const request = webhooks[service](this.known[service] ?? {}, this.chats[service], number);
    const answer = await fetch(address, { method: "POST", ...request });
    if (answer.status != 200) throw new Error(`webhook of ${service}: ${answer.status} ${await answer.text()}`);
  }

  /** Carrot quest's REST API. */
  api(path) {
    const { chat, known } = { chat: this.chats.carrotquest, known: this.known.carrotquest ?? {} };
    if (!chat) return undefined;
    const at = Math.floor(chat.at / 1000);
    const data = path.endsWith("/parts")
      ? [part(chat, 1, at, "reply_user", chat.user, "How much is a window?"), part(chat, 2, at + 2, "closed", null, "")]
      : path.startsWith("/users/")
        ? { id: chat.user, user_id: null, props: { $name: chat.name }, props_custom: known.custom ?? {} }
        : {
            id: chat.id, created: at, closed: true, replied: true, type: "popup_chat", recipient_type: "web",
            external_service: null, parts_count: 2, user: { id: chat.user, props: { $name: chat.name } },
          };
    return { meta: { status: 200 }, data };
  }
}

function part(chat, place, at, type, from, body) {
  return {
    id: `${chat.id}0${place}`, created: at, conversation: chat.id, type, from, body,
    direction: type == "reply_user" ? "u2a" : "a2u", sent_via: type == "reply_user" ? "web_user" : "system",
  };
}

const json = (body) => ({ headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
const moscow = (at) => new Date(at + 3 * 3600_000).toISOString().slice(0, 19).replace("T", " ");

const talkme = (known, chat, number) =>
  json({
    eventId: "dialogFinished",
    data: {
      client: {
        searchId: number, clientId: chat.client, login: "visitor", name: chat.name, phone: null, email: null,
        customData: known.custom ?? {},
      },
      operator: { login: "anna@shop.test" },
      dialog: {
        id: number,
        messages: [{
          id: number * 10, dialogId: number, whoSend: "client", messageType: null, text: chat.text ?? "How much is a window?",
          dateTime: moscow(chat.at), dateTimeUTC: new Date(chat.at).toISOString().slice(0, 19).replace("T", " "),
          isVisibleForClient: true,
        }],
      },
    },
  });

const webhooks = {
  jivosite: (known, chat, number) =>
    json({
      event_name: "chat_finished", widget_id: "73015", user_token: known.token ?? null, chat_id: number,
      visitor: { name: chat.name, number: String(chat.number), chats_count: 1 },
      chat: { messages: [{ type: "visitor", timestamp: Math.floor(chat.at / 1000), message: chat.text ?? "How much is a window?" }] },
    }),

  talkme,
  verbox: talkme,

  carrotquest: (_, chat, number) => {
    const event = {
      id: `17030000000000${number}`, created: Math.floor(Date.now() / 1000), user: chat.user,
      type: { id: 6, name: "$conversation_part_group_closed" }, props: { $conversation_id: chat.id },
    };
    const form = {
      type: "event", user: JSON.stringify({ id: chat.user, props: {} }), user_id: chat.user,
      event_name: event.type.name, event: JSON.stringify(event), event_id: event.id,
    };
    return { headers: { "content-type": "application/x-www-form-urlencoded" }, body: new URLSearchParams(form).toString() };
  },

  leadback: (_, chat, number) =>
    json({
      type: "callback", id_call: number, callback_phone: chat.phone, name: chat.name,
      date_create: moscow(chat.at), site: "shop.test",
    }),
};

/** Scripts of a page: each makes a function `write(name)` that stands for the visitor's message. */
export const widgets = {
  /** One slot for a token; the visitor's number lives in the site's storage. `before` is the site's own use. */
  jivosite: ({ after = 50, throwing = false, before = "" } = {}) => script(`
    const number = (localStorage.jv_number ??= String(Math.floor(1e5 + Math.random() * 9e5)));
    ${before}
    setTimeout(() => {
      window.jivo_api = {
        setUserToken(token) {
          if (${throwing}) throw new Error("the widget is broken");
          tell("jivosite/token", { token });
        },
        getVisitorNumber(answer) { setTimeout(answer, 5, null, number); },
      };
      window.jivo_onLoadCallback?.();
    }, ${after});
    window.write = (name) => tell("jivosite/chat", { name, number });`),

  /** One function whose name the page tells; a stand-in queues calls until the widget is there. */
  talkme: ({ after = 50, method = "TalkMe", service = "talkme", clientId = "client" } = {}) => script(`
    const id = (localStorage["/Client/id"] ??= "client-" + Math.random().toString(36).slice(2));
    const custom = {};
    window.supportAPIMethod = "${method}";
    window["${method}"] = function () { (window["${method}"].q ??= []).push(arguments); };
    const queue = window["${method}"];
    setTimeout(() => {
      const calls = {
        setClientInfo(info) { tell("${service}/custom", { custom: Object.assign(custom, info.custom) }); },
        getClientId(answer) { setTimeout(answer, 5, ${clientId == "text" ? "id" : "{ clientId: id, siteId: 7 }"}); },
        setCallback() {},
      };
      window["${method}"] = (name, ...given) => calls[name](...given);
      for (const [name, ...given] of queue.q ?? []) calls[name](...given);
    }, ${after});
    window["${method}"]("setClientInfo", { custom: { shop_user: "u-17" } });
    window.write = (name) => tell("${service}/chat", { name, client: id });`),

  /** A stand-in object that queues, replaced by the library; the listeners of \`onReady\` are called again
   * when visitors are merged. `loads` runs once the library is ready, as the vendor's "JS Script" does. */
  carrotquest: ({ after = 50, loads = "", merged = false } = {}) => script(`
    let user = (localStorage.carrot_user ??= "17022" + Math.floor(1e13 + Math.random() * 8e13));
    const queue = [];
    window.carrotquest = Object.fromEntries(
      ["connect", "track", "identify", "auth", "onReady", "addCallback"].map((name) => [name, (...given) => queue.push([name, given])]),
    );
    setTimeout(() => {
      const ready = [], listeners = {}, custom = {};
      const real = (window.carrotquest = {
        data: { user: { id: user } },
        connect() {}, track() {}, auth() {},
        identify(properties) {
          for (const { key, value } of properties) custom[key] = value;
          tell("carrotquest/custom", { custom });
        },
        onReady(listener) { ready.push(listener); listener(); },
        addCallback(topic, listener) { (listeners[topic] ??= []).push(listener); },
      });
      document.cookie = "carrotquest_uid=" + user + ";path=/;max-age=12960000";
      for (const [name, given] of queue) real[name](...given);
      ${merged ? `setTimeout(() => { user = real.data.user.id = localStorage.carrot_user = "1702299999999999999"; ready.forEach((one) => one()); }, 300);` : ""}
      ${loads}
      window.write = (name) => {
        const id = "17025" + Math.floor(1e13 + Math.random() * 8e13);
        for (const topic of ["conversation_started", "user_replied"]) (listeners[topic] ?? []).forEach((one) => one({ id, body: "…" }));
        tell("carrotquest/chat", { name, id, user });
      };
    }, ${after});`),

  /** No interface at all: an order reaches a goal of Metrica. The snippet of Metrica queues calls too. */
  leadback: ({ after = 50, counter = "ym" } = {}) => script(`
    const goals = (window.goals = []);
    window.ym = window.ym || function () { (window.ym.a = window.ym.a || []).push(arguments); };
    window.ym(4711, "init", {});
    setTimeout(() => {
      const queue = window.ym.a ?? [];
      window.ym = (id, call, ...given) => call == "reachGoal" && goals.push(given[0]);
      window.yaCounter4711 = { reachGoal: (goal) => goals.push(goal) };
      for (const call of queue) window.ym(...call);
    }, ${after});
    window.write = (name, phone) => {
      ${counter == "ym" ? `window.ym(4711, "reachGoal", "LEADBACK_CALL");` : `window.yaCounter4711.reachGoal("LEADBACK_CALL");`}
      tell("leadback/chat", { name, phone });
    };`),
};

/** `tell` reaches the vendor's server also from a page that is going away. */
function script(text) {
  return `<script>{
    const tell = (path, body) => fetch("http://vendor.test:" + location.port + "/" + path, {
      method: "POST", keepalive: true, body: JSON.stringify({ ...body, story: document.documentElement.dataset.story }),
    });
    ${text}
  }</script>`;
}
