#!/usr/bin/env node
// First Light's public proxy: configurable-http-proxy, which closes what it no longer needs.
//
// Left alone, configurable-http-proxy 5.3 keeps descriptors open when clients vanish during output
// (docs/decisions/0019-websockets-that-vanish.md has a minimal case): http-proxy-3 throws inside the
// socket's "error" event unless somebody listens for errors, so that "close" never comes; and a
// connection to a lab that is ended while unread data wait is never read to its end. This program
// listens to the events of the proxy object, which both libraries offer, and takes those of
// configurable-http-proxy's options that we use.

import { createRequire } from "node:module";
import { parseArgs } from "node:util";

import { ConfigurableProxy } from "configurable-http-proxy";
import { defaultLogger } from "configurable-http-proxy/lib/log.js";

const { values: given } = parseArgs({
  options: {
    ip: { type: "string" },
    port: { type: "string" },
    "api-ip": { type: "string", default: "127.0.0.1" },
    "api-port": { type: "string" },
    "default-target": { type: "string" },
    "error-target": { type: "string" },
    "host-routing": { type: "boolean", default: false },
    "log-level": { type: "string", default: "info" },
    timeout: { type: "string" },
    version: { type: "boolean", default: false },
    // Ours: labs ping their websockets every 30 s, so one that is alive is never quiet for so long.
    "websocket-timeout": { type: "string", default: "120000" },
    // How long a client may take to read what is left when the lab has closed its websocket.
    "last-words": { type: "string", default: "10000" },
  },
});

if (given.version) {
  const { version } = createRequire(import.meta.url)("configurable-http-proxy/package.json");
  console.log(version);
  process.exit(0);
}

const log = defaultLogger({ level: given["log-level"] });
const proxy = new ConfigurableProxy({
  log,
  authToken: process.env.CONFIGPROXY_AUTH_TOKEN,
  defaultTarget: given["default-target"],
  errorTarget: given["error-target"],
  hostRouting: given["host-routing"],
  // Also the program's own defaults, which differ from the library's.
  xfwd: true,
  prependPath: true,
  includePrefix: true,
  timeout: given.timeout === undefined ? undefined : Number(given.timeout),
});

// A client that is gone is no error of ours; without a listener this would be thrown.
proxy.proxy.on("error", (error) => log.debug("A client's connection failed: %s", error.message));

const lastWords = Number(given["last-words"]);
proxy.proxy.on("proxyReqWs", (request, _, client) => {
  const giveUp = () => {
    request.destroy();
    request.socket?.destroy();
  };
  client.once("close", giveUp);
  if (client.destroyed) giveUp();
  request.once("upgrade", (_, lab) =>
    lab.once("close", () => {
      // A timer would keep a client that has left, and all the output that it did not read.
      if (client.destroyed) return;
      const timer = setTimeout(() => client.destroy(), lastWords).unref();
      client.once("close", () => clearTimeout(timer));
    })
  );
});

const quiet = Number(given["websocket-timeout"]);
proxy.proxy.on("open", (lab) => lab.setTimeout(quiet, () => lab.destroy()));

proxy.proxy.on("proxyReq", (request, _, response) => {
  // The client may have gone while its route was looked up.
  if (response.destroyed) request.destroy();
});

proxy.proxyServer.listen(Number(given.port), given.ip);
proxy.apiServer.listen(Number(given["api-port"]), given["api-ip"]);

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(2));
process.on("uncaughtException", (error) => log.error("Uncaught exception: %s", error.stack));
