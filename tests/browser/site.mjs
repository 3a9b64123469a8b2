// The web beside the hub: a site's pages, on hosts of their own, and the servers of the vendors whose
// widgets stand on them. One HTTP server answers for all hosts under `.test`.

import { createServer } from "node:http";

/** Starts the server; `page(url)` makes the HTML of a site's page, `vendor(service, action, body)` hears
 * the widgets, and `api(path)` answers as a vendor's REST API. */
export async function startWeb({ page, vendor, api }) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, `http://${request.headers.host}`);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (url.hostname == "vendor.test") {
      const [, service, action] = url.pathname.split("/");
      vendor(service, action, JSON.parse(Buffer.concat(chunks).toString()));
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
