// JupyterHub's administration page is a program of its own. This gives its buttons and boxes names,
// makes its sorting work with the keyboard, and removes what cannot work here: users are not added
// by hand, since the access lists decide.
"use strict";

const page = document.getElementById("react-admin-hook");

const set = (element, name, value) => {
  if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
};

function nameRow(row) {
  const user = row.querySelector("[data-testid^='user-name-div-']")?.textContent ?? "";
  const server = row.querySelector("[data-testid='user-row-server']")?.textContent ?? "";
  const whose = server ? `${user}, ${server}` : user;
  const toggle = row.querySelector("button[aria-controls]");
  const details = row.nextElementSibling?.querySelector(".collapse, .collapsing");
  set(toggle, "aria-label", `Details of ${whose}`);
  if (details) {
    details.id = `firstlight-details-${whose}`.replace(/\W+/g, "-");
    set(toggle, "aria-controls", details.id);
  }
  for (const button of row.querySelectorAll(".actions button")) {
    const holder = button.closest("a") ?? button;
    set(holder, "aria-label", `${button.textContent}: ${whose}`);
  }
}

function nameSorting(icon) {
  const column = icon.parentElement.textContent.trim();
  set(icon, "role", "button");
  set(icon, "tabindex", "0");
  set(icon, "aria-label", `Sort by ${column.toLowerCase()}`);
  if (icon.dataset.firstlight) return;
  icon.dataset.firstlight = "keyboard";
  icon.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    icon.click();
  });
}

function repair() {
  // Hidden, not removed: the program goes on to count on what it has drawn.
  set(page.querySelector("a[href='#/add-users']"), "hidden", "");
  if (location.hash.startsWith("#/add-users")) location.hash = "#/";
  page.querySelectorAll(".user-row").forEach(nameRow);
  page.querySelectorAll(".sort-icon").forEach(nameSorting);
  // A button inside of a link is one thing to press, not two.
  page.querySelectorAll("a > button").forEach((button) => set(button, "tabindex", "-1"));
  set(page.querySelector("[name='user_search']"), "aria-label", "Search users");
  set(page.querySelector("[name='pagination-limit']"), "aria-label", "Items per page");
  set(page.querySelector("[data-testid='edit-username-input']"), "aria-label", "New user name");
  set(page.querySelector("#group-name"), "aria-label", "Name of the group");
  for (const box of page.querySelectorAll("#admin-check")) {
    set(box.parentElement.querySelector("label"), "for", "admin-check");
  }
  // The page has one h1, which is ours; what the program shows is the level below it.
  for (const heading of page.querySelectorAll("h1, h4")) {
    set(heading, "role", "heading");
    set(heading, "aria-level", "2");
  }
  // A list without entries is a sentence.
  for (const list of page.querySelectorAll("ul.list-group")) {
    if (list.querySelector(":scope > li")) list.removeAttribute("role");
    else set(list, "role", "presentation");
  }
}

if (page) {
  new MutationObserver(repair).observe(page, { childList: true, subtree: true });
  addEventListener("hashchange", repair);
  repair();
}
