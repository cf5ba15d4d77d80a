// `deno task console`: builds the pages of src/console/pages into dist/console, where the proxy and
// the compiled program find them. Does nothing when they are already what the sources give, which
// takes a tenth of a second; after the first time it needs no network.

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { say } from "./say.ts";

const ROOT = resolve(import.meta.dirname!, "..");
const SOURCES = resolve(ROOT, "src/console/pages");
const ENTRY = "page.tsx";
const COPIED = ["index.html", "page.css", "icon.svg", "licenses.txt"];
/** Holds the hash of what the files beside it were made of. */
const STAMP = "stamp.txt";

/** Whether the pages were built, or were there already. */
export type BundleResult = "built" | "fresh";

/**
 * Builds the pages.
 *
 * @param folder where to
 * @throws Error with the output of `deno bundle` when it fails
 */
export async function bundleConsole(folder: string): Promise<BundleResult> {
  const stamp = await stampOfSources();
  if (await readIfThere(`${folder}/${STAMP}`) === stamp) return "fresh";
  await Deno.mkdir(folder, { recursive: true });
  // A proxy that runs may be reading: the old page is there until the new one is whole.
  await bundle(`${folder}/page.js.new`);
  await Deno.rename(`${folder}/page.js.new`, `${folder}/page.js`);
  for (const name of COPIED) {
    await Deno.writeFile(`${folder}/${name}`, await Deno.readFile(`${SOURCES}/${name}`));
  }
  await Deno.writeTextFile(`${folder}/${STAMP}`, stamp);
  return "built";
}

/** Changes with the sources, the versions of the libraries and the bundler. */
async function stampOfSources(): Promise<string> {
  const hash = createHash("sha256").update(Deno.version.deno);
  const names = Array.from(Deno.readDirSync(SOURCES), ({ name }) => `${SOURCES}/${name}`);
  for (const path of [...names.toSorted(), `${ROOT}/deno.lock`, import.meta.filename!]) {
    hash.update(`\n${path.slice(ROOT.length)}\n`).update(await Deno.readFile(path));
  }
  return hash.digest("hex");
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function bundle(output: string): Promise<void> {
  const args = ["bundle", "--quiet", "--platform=browser", "--minify", "-o", output];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args, `${SOURCES}/${ENTRY}`],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot build the pages: ${new TextDecoder().decode(stderr)}`);
}

if (import.meta.main) {
  const result = await bundleConsole(resolve(ROOT, "dist/console"));
  if (result === "built") say("Built the pages of the console");
}
