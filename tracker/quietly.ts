// The site never sees an error of ours.

/** Runs what may throw because it touches the site's or a widget's own code. */
export function quietly<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
