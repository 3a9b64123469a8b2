// The light and dark switch in the top bar. The choice lives in this browser only.

document.addEventListener("click", (event) => {
  if (!(event.target as Element).closest("[data-theme-switch]")) return;
  const root = document.documentElement;
  const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
  root.dataset.bsTheme = next;
  localStorage.setItem("skvoz-theme", next);
});
