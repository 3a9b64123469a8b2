// Packs the script for the sites' pages into pieces that the hub joins for each site: one function
// for the core, one for the readers of other counters' ids, one for each binder.
//
//   node tracker.mjs OUTPUT_FOLDER
//
// Fails when the pieces, joined as the hub joins them, are larger than promised.

import { build } from "esbuild";
import { minify } from "terser";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "../tracker");
const out = resolve(process.argv[2] ?? join(here, "dist/tracker"));

/** Bytes after gzip. */
const LIMITS = { core: 2000, all: 5000 };

const binders = (await readdir(join(source, "binders"))).map((file) => `binders/${file.replace(/\.ts$/, "")}`);
/** Names that only our own code uses; they are shortened alike in all pieces. */
const INTERNAL =
  /^(visitor|visit|start|last|number|source|marks|system|onVisit|read|take|send|leaving|keep|kept|calls|run|stop|bind|ids|poll|sign|url)$/;
const shortened = {};

const pieces = { core: await piece(`import "./start";`, ["BASE", "KEY", "NAME", "CALLS", "PARTS"]) };
for (const name of ["calls", "codes", "links", "bindings"]) pieces[name] = await part(name, ["CORE", "GIVEN"]);
for (const name of ["readers", ...binders]) pieces[name] = await part(name, ["TRACKER", "SLUG", "OPTION"]);
await rm(out, { recursive: true, force: true });
await mkdir(join(out, "binders"), { recursive: true });
for (const [name, text] of Object.entries(pieces)) await writeFile(join(out, `${name}.js`), text);
check();

/** A piece whose file has one function as its default export. */
function part(name, parameters) {
  return piece(`import begin from "./${name}"; begin(${parameters});`, parameters);
}

/** The text of a function with these parameters. */
async function piece(contents, parameters) {
  const bundled = await build({
    stdin: { contents, resolveDir: source, loader: "ts" },
    bundle: true,
    minify: true,
    mangleProps: INTERNAL,
    mangleCache: shortened,
    target: "es2020",
    format: "esm",
    legalComments: "none",
    logLevel: "warning",
    write: false,
  });
  Object.assign(shortened, bundled.mangleCache);
  const whole = `PIECE=function(${parameters}){${bundled.outputFiles[0].text}}`;
  const { code } = await minify(whole, {
    ecma: 2020,
    compress: { passes: 3, unsafe_arrows: true, pure_getters: true },
    format: { comments: false, semicolons: true },
  });
  return code.replace(/^PIECE=(.*?);?\s*$/s, "($1)");
}

function check() {
  const size = (text) => zlib.gzipSync(text, { level: 9 }).length;
  const codes = `[${pieces.codes},{"ru":"Здравствуйте!","en":"Hello!"}]`;
  const links = `[${pieces.links},["svc07d",["shop.example.org"]]]`;
  const bound = ["readers", ...binders].map((name) => `[${pieces[name]},"${name.split("/").pop()}","own"]`);
  const sizes = { core: size(pieces.core), least: size(joined([codes])), all: size(joined([codes, links, `[${pieces.bindings},[${bound}]]`])) };
  console.log(`script for the sites, gzip: core ${sizes.core} bytes, a site without integrations ${sizes.least}, with everything ${sizes.all}`);
  for (const [what, limit] of Object.entries(LIMITS)) {
    if (sizes[what] > limit) {
      throw new Error(`script for the sites (${what}): ${sizes[what]} bytes after gzip, at most ${limit} are promised`);
    }
  }
}

/** As `src/script.rs` joins them. */
function joined(parts) {
  return `${pieces.core}("https://hub.example.com/t","/k7h2m9qwx3","sv1f3a",${pieces.calls},[${parts}]);\n`;
}
