// What the hub writes into the file of a site around the code that is the same for all.

/** Where messages go when the script's own address does not tell: this and the key. */
declare const BASE: string;
/** The site's key after a slash. */
declare const KEY: string;
/** Name of the record; what else is kept in local storage has this name and one letter more. */
declare const NAME: string;
/** The public calls; every site has them. */
declare const CALLS: typeof import("./calls").default;
/** Pieces that only some sites need, each with what the hub tells it. */
declare const PARTS: import("./core").Part[];
