// The web beside the hub: a site's pages, on hosts of their own, and the servers of the vendors whose
// widgets stand on them. One HTTP server answers for all hosts under `.test`.

import { createServer, request as ask } from "node:http";

/** Starts the server; `page(url)` makes the HTML of a site's page, `vendor(service, action, body)` hears
 * the widgets, and `api(path)` answers as a vendor's REST API. What `passed(url, request, body)` gives an
 * address for is passed on to it, as a site does with a path of its own. */
export async function startWeb({ page, vendor, api, passed }) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, `http://${request.headers.host}`);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const onward = passed(url, request, body.toString());
    if (onward) {
      passOn(onward, request, body, response);
    } else if (url.hostname == "vendor.test") {
      const [, service, action] = url.pathname.split("/");
      vendor(service, action, JSON.parse(body.toString()));
      response.writeHead(204, { "access-control-allow-origin": "*" }).end();
    } else if (url.hostname == "127.0.0.1") {
      const answer = api(url.pathname);
      response.writeHead(answer ? 200 : 404, { "content-type": "application/json" });
      response.end(JSON.stringify(answer ?? {}));
    } else if (url.pathname == "/favicon.ico") {
      response.writeHead(204).end();
    } else {
      const { html, headers } = page(url);
      response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...headers }).end(html);
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  return {
    port,
    origin: (host) => `http://${host}:${port}`,
    stop: () => new Promise((closed) => {
      server.closeAllConnections();
      server.close(closed);
    }),
  };
}

/** As a web server's proxy: the hub's own name as the host, the site's beside it. */
function passOn(onward, request, body, response) {
  const headers = {
    ...request.headers,
    "host": new URL(onward).host,
    "x-forwarded-host": request.headers.host,
    "x-forwarded-for": request.socket.remoteAddress,
  };
  const asked = ask(onward, { method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  asked.on("error", () => response.writeHead(502).end());
  asked.end(body);
}
