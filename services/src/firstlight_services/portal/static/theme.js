// Light or dark, before the first paint. The hub's pages store the choice under the same key.
"use strict";

(() => {
  const KEY = "jupyterhub-bs-theme";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // A browser may refuse to store anything.
    }
  };
  const apply = () => {
    const choice = chosen();
    const own = choice === "light" || choice === "dark";
    root.dataset.bsTheme = own ? choice : dark.matches ? "dark" : "light";
  };
  apply();
  dark.addEventListener("change", apply);
  // Another tab, or a page of the hub that the person comes back from.
  addEventListener("storage", apply);
  addEventListener("pageshow", apply);
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("dark-theme-toggle");
    button.hidden = false;
    button.addEventListener("click", () => {
      const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
      root.dataset.bsTheme = theme;
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // The choice holds for this page only.
      }
    });
  });
})();
