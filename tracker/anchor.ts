// Links that the visitor touches, also inside a widget's shadow tree.

/** The link that the event is about. */
export function anchorOf(event: Event): HTMLAnchorElement | undefined {
  return event.composedPath().find((one) => one instanceof HTMLAnchorElement) as HTMLAnchorElement | undefined;
}
