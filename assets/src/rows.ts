// Tables of a form that grow: inside [data-rows], [data-add-row] adds a copy of the <template> and
// [data-remove-row] takes its [data-row] away. The server leaves empty rows out.

document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest("[data-add-row], [data-remove-row]");
  if (!button) return;
  if (button.matches("[data-remove-row]")) {
    button.closest("[data-row]")?.remove();
    return;
  }
  const template = button.closest("[data-rows]")?.querySelector("template");
  if (!template) return;
  const row = template.content.cloneNode(true) as DocumentFragment;
  const first = row.querySelector<HTMLElement>("input, select");
  template.before(row);
  first?.focus();
});
