// Copy buttons: <button data-copy="#id"> copies the text or the value of that element.

document.addEventListener("click", async (event) => {
  const button = (event.target as Element).closest<HTMLElement>("[data-copy]");
  if (!button) return;
  const source = document.querySelector<HTMLElement>(button.dataset.copy ?? "");
  if (!source) return;
  const text = source instanceof HTMLInputElement ? source.value : (source.textContent ?? "");
  await write(text.trim(), source);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1500);
});

/** Copies the text. Plain-HTTP pages have no clipboard object, there the old command does it. */
async function write(text: string, source: HTMLElement): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const range = document.createRange();
  range.selectNodeContents(source);
  if (source instanceof HTMLInputElement) source.select();
  else getSelection()?.setBaseAndExtent(source, 0, source, source.childNodes.length);
  document.execCommand("copy");
}
