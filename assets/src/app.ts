// Everything the cabinet's pages run: the kit's menus and drop-downs, htmx, and our few scripts.

import "@tabler/core/dist/js/tabler.esm.min.js";
import "htmx.org/dist/htmx.esm.min.js";
import "./copy";
import "./theme-switch";
import "./submit";
import "./reveal";
import "./rows";
