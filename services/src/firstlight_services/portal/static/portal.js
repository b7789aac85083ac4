// Everything here is optional: the pages work without it.
"use strict";

// Who is logged in at the hub: pages that are open to all do not know it.
const who = document.getElementById("who");
const greet = (name) => {
  const shown = Object.assign(document.createElement("span"), { className: "fl-name", textContent: name });
  const out = Object.assign(document.createElement("a"), { href: who.dataset.logout, textContent: "Log out" });
  who.replaceChildren(shown, out);
  const enter = document.getElementById("enter");
  if (enter) enter.textContent = "Open your lab";
};
const ask = async (address) => {
  try {
    const { name } = await (await fetch(address, { signal: AbortSignal.timeout(10000) })).json();
    if (name) greet(name);
  } catch {
    // The hub is unavailable; the login link leads to it when it is back.
  }
};
if (who.dataset.ask) ask(who.dataset.ask);

// The landing page's live state; a hidden tab sends no requests.
const live = document.getElementById("live");
if (live) {
  const put = (element, text) => {
    // Update only what changed, so that a screen reader announces changes and not every round.
    if (element && element.textContent !== text) element.textContent = text;
  };
  const refresh = async () => {
    if (document.hidden) return;
    try {
      const state = await (await fetch("/state.json", { signal: AbortSignal.timeout(4000) })).json();
      for (const component of state.services) {
        const element = live.querySelector(`[data-part="${CSS.escape(component.name)}"]`);
        if (!element) continue;
        element.dataset.up = String(component.up);
        put(element, component.up ? "up" : "unavailable");
      }
      put(document.getElementById("labs-running"), String(state.labs_running ?? "–"));
    } catch {
      // Keep what is shown; the next round may succeed.
    }
  };
  setInterval(refresh, 5000);
  document.addEventListener("visibilitychange", refresh);
}

// The page of an outage: reload it as soon as the address answers, and not before, so that nobody
// who reads or hears the page is interrupted for nothing.
const outage = document.querySelector("[data-reload-after]");
if (outage) {
  const pause = Number(outage.dataset.reloadAfter) * 1000;
  const look = async () => {
    try {
      const answer = await fetch(location.href, {
        cache: "no-store",
        redirect: "manual",
        signal: AbortSignal.timeout(10000),
      });
      if (answer.status < 502 || answer.status > 504) {
        // Never a form once more, which `reload` might send.
        location.replace(location.pathname + location.search);
        return;
      }
    } catch {
      // The proxy is unavailable, too.
    }
    setTimeout(look, pause);
  };
  setTimeout(look, pause);
}

// Filter tables and columns by word.
const filter = document.getElementById("filter");
if (filter) {
  document.getElementById("filter-field").hidden = false;
  const tables = [...document.querySelectorAll("[data-table]")].map((element) => ({
    element,
    head: element.querySelector("summary").textContent.toLowerCase(),
    rows: [...element.querySelectorAll("tbody tr")].map((row) => ({ row, text: row.textContent.toLowerCase() })),
  }));
  filter.addEventListener("input", () => {
    const word = filter.value.trim().toLowerCase();
    let shown = 0;
    let columns = 0;
    for (const { element, head, rows } of tables) {
      const whole = head.includes(word);
      let hits = 0;
      for (const { row, text } of rows) {
        const hit = text.includes(word);
        row.hidden = !(hit || whole);
        hits += hit ? 1 : 0;
      }
      element.hidden = !(whole || hits);
      element.open = word !== "" && hits > 0;
      shown += element.hidden ? 0 : 1;
      columns += hits;
    }
    document.getElementById("filter-result").textContent =
      word === "" ? "" : shown === 0 ? "Nothing matches." : `${shown} ${shown === 1 ? "table" : "tables"}, ${columns} ${columns === 1 ? "column" : "columns"}`;
  });
}

// Copy buttons appear only where copying works.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }
}
