// Fields with data-submit send their form as they change: filters and page sizes need no button.

document.addEventListener("change", (event) => {
  const field = event.target as HTMLElement;
  if (!field.matches("[data-submit]")) return;
  field.closest("form")?.requestSubmit();
});
