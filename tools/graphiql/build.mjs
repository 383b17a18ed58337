// Writes beltstack/schema/graphiql: one script, one style sheet, their licences, each named by its content.
import { build } from "esbuild";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../../beltstack/schema/graphiql");

const result = await build({
  absWorkingDir: here,
  entryPoints: ["main.jsx"],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [{ name: "the system's own fonts", setup: withoutFonts }],
  legalComments: "none",
  splitting: false,
  metafile: true,
  write: false,
  outdir: "out",
});

mkdirSync(target, { recursive: true });
for (const name of readdirSync(target)) {
  if (/^graphiql-/.test(name)) rmSync(join(target, name));
}
for (const file of result.outputFiles) {
  const kind = file.path.endsWith(".css") ? "css" : "js";
  const hash = createHash("sha256").update(file.contents).digest("hex").slice(0, 16);
  writeFileSync(join(target, `graphiql-${hash}.${kind}`), file.contents);
  console.log(`graphiql-${hash}.${kind}: ${file.contents.length} bytes`);
}
writeFileSync(join(target, "LICENSES.txt"), licences(Object.keys(result.metafile.inputs)));

/** GraphiQL's style sheet carries 350 kB of fonts; its font families fall back on those of the system. */
function withoutFonts(builder) {
  builder.onLoad({ filter: /graphiql\/dist\/style\.css$/ }, ({ path }) => {
    const contents = readFileSync(path, "utf8").replace(/@font-face\s*\{[^}]*\}/g, "");
    return { contents, loader: "css" };
  });
}

/** The licence of every package in the bundle. */
function licences(inputs) {
  const folders = new Set(inputs.map((path) => path.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1]));
  folders.delete(undefined);
  const texts = [...folders].sort().map((folder) => {
    const about = JSON.parse(readFileSync(join(here, folder, "package.json"), "utf8"));
    const file = readdirSync(join(here, folder)).find((name) => /^licen[cs]e/i.test(name));
    const text = file ? readFileSync(join(here, folder, file), "utf8").trim() : `Licence: ${about.license}`;
    return `${about.name} ${about.version}\n\n${text}\n`;
  });
  return `What is bundled in the script and the style sheet beside this file, each under its own licence.\n\n${texts.join(`\n${"-".repeat(80)}\n\n`)}`;
}
