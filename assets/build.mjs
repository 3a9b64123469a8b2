// Packs the libraries and our few scripts into one folder that is built into the binary:
// app.css, app.js, theme.js, fonts, the icons we use as one sprite, and the providers' marks.
// Each text file gets .br and .gz copies, so the server never compresses them again.
//
//   node build.mjs OUTPUT_FOLDER

import { build } from "esbuild";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import zlib from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "dist"));

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await bundle();
await writeFile(join(out, "icons.svg"), await sprite());
await cp(join(here, "logos"), join(out, "logos"), { recursive: true });
await compressAll(out);

async function bundle() {
  await build({
    absWorkingDir: here,
    entryPoints: ["src/app.ts", "src/app.css", "src/theme.ts"],
    outdir: out,
    bundle: true,
    minify: true,
    target: ["chrome109", "firefox115", "safari16.4"],
    format: "iife",
    loader: { ".woff2": "file" },
    assetNames: "fonts/[name]-[hash]",
    legalComments: "none",
    logLevel: "warning",
  });
}

/** One SVG file with a symbol for each icon that `icons.txt` names. */
async function sprite() {
  const names = (await readFile(join(here, "icons.txt"), "utf8"))
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"));
  const symbols = await Promise.all(names.map(symbol));
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
}

async function symbol(name) {
  const file = join(here, "node_modules/@tabler/icons/icons/outline", `${name}.svg`);
  const text = await readFile(file, "utf8").catch(() => {
    throw new Error(`icons.txt names "${name}", which @tabler/icons does not have`);
  });
  const inner = text
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<svg[\s\S]*?>/, "")
    .replace("</svg>", "")
    .replace(/\s*\n\s*/g, "");
  return `<symbol id="${name}" viewBox="0 0 24 24">${inner}</symbol>`;
}

async function compressAll(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && [".css", ".js", ".svg"].includes(extname(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name));
  await Promise.all(files.map(compress));
}

async function compress(file) {
  const bytes = await readFile(file);
  const [br, gz] = await Promise.all([
    promisify(zlib.brotliCompress)(bytes, {
      params: { [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
    promisify(zlib.gzip)(bytes, { level: 9 }),
  ]);
  if (br.length < bytes.length) await writeFile(`${file}.br`, br);
  if (gz.length < bytes.length) await writeFile(`${file}.gz`, gz);
}
