// Sets light or dark before the first paint, so the page does not flash. Loaded in <head>, blocking.

const stored = localStorage.getItem("skvoz-theme");
const dark = stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.dataset.bsTheme = dark ? "dark" : "light";

export {};
