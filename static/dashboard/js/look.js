// The theme: the system's, until the reader chooses; kept in this browser. Set before the first paint by theme.js.

const dark = matchMedia("(prefers-color-scheme: dark)");

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : dark.matches;
}

export function flipTheme() {
  const next = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem("theme", next); } catch { /* storage may be forbidden */ }
  tell();
}

function tell() {
  document.dispatchEvent(new CustomEvent("pool:theme", { detail: isDark() ? "dark" : "light" }));
}

export function offerThemes() {
  const button = document.querySelector("[data-theme-toggle]");
  if (button) { button.hidden = false; button.onclick = flipTheme; }
  dark.addEventListener("change", tell);
}
