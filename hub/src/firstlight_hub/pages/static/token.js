// Additions to JupyterHub's own token.js, which requests the token and shows it on the page.
"use strict";

// The hub preselects the longest time; choose a month, or the next shorter time that is offered.
const expires = document.getElementById("token-expiration-seconds");
const month = 30 * 86400;
const moderate = [...expires.options].findLast(({ value }) => value !== "" && Number(value) <= month);
if (moderate) moderate.selected = true;

const area = document.getElementById("token-area");
const result = document.getElementById("token-result");
const copied = document.getElementById("token-copied");

new MutationObserver(() => {
  copied.textContent = "";
  // token.js shows the area only after it has filled it in.
  requestAnimationFrame(() => {
    area.focus({ preventScroll: true });
    area.scrollIntoView({ block: "center" });
  });
}).observe(result, { childList: true });

const select = () => getSelection().selectAllChildren(result);
const button = document.getElementById("token-copy");
button.hidden = false;
button.addEventListener("click", async () => {
  copied.textContent = "";
  try {
    await navigator.clipboard.writeText(result.textContent);
    copied.textContent = "Copied.";
  } catch {
    // Over plain HTTP, browsers do not allow a page to copy.
    select();
    copied.textContent = "Your browser does not allow this page to copy. The token is selected: press Ctrl+C.";
  }
});
result.addEventListener("focus", select);
