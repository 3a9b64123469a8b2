// Parts of a form that depend on a choice: <div data-shown-when="name=value"> is shown only while
// the field of that name has that value (a switch counts as "on" or "off"). Without this script all
// parts are shown, and the server checks them all the same.

function valueOf(form: HTMLFormElement, name: string): string {
  const field = form.elements.namedItem(name);
  if (field instanceof RadioNodeList) return field.value;
  if (field instanceof HTMLInputElement && field.type === "checkbox") return field.checked ? "on" : "off";
  return (field as HTMLInputElement | HTMLSelectElement | null)?.value ?? "";
}

function apply(form: HTMLFormElement): void {
  for (const part of form.querySelectorAll<HTMLElement>("[data-shown-when]")) {
    const [name = "", value = ""] = (part.dataset.shownWhen ?? "").split("=");
    part.hidden = valueOf(form, name) !== value;
  }
}

document.addEventListener("change", (event) => {
  const form = (event.target as HTMLInputElement).form;
  if (form) apply(form);
});
for (const form of document.forms) apply(form);
