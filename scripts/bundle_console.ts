// `deno task console`: builds the pages of src/console into dist/console, where the proxy and the
// compiled program find them. Does nothing if they are up to date, which takes a tenth of a second;
// needs a network only the first time.

import { createHash } from "node:crypto";
import { basename, resolve } from "node:path";
import { bundle } from "./bundle.ts";
import { say } from "./say.ts";

const ROOT = resolve(import.meta.dirname!, "..");
const SOURCES = resolve(ROOT, "src/console");
const FOLDERS = ["operator", "pages"];
/** The bundles and their entry points. */
const BUNDLES = [["page.js", "pages/page.tsx"], ["console.js", "operator/console.tsx"]] as const;
const COPIED = [
  ...["pages/index.html", "pages/page.css", "pages/icon.svg", "pages/licenses.txt"],
  ...["operator/console.html", "operator/console.css"],
];
/** Contains the hash of what the files next to it were built from. */
const STAMP = "stamp.txt";

/** Whether the pages were built or up to date already. */
export type BundleResult = "built" | "fresh";

/**
 * Builds the pages.
 *
 * @param folder where to put them
 * @throws Error with the output of `deno bundle` when it fails
 */
export async function bundleConsole(folder: string): Promise<BundleResult> {
  const stamp = await stampOfSources();
  if (await readIfThere(`${folder}/${STAMP}`) === stamp) return "fresh";
  await Deno.mkdir(folder, { recursive: true });
  // A running proxy may be reading, so the old page is kept until the new one is complete.
  for (const [name, entry] of BUNDLES) {
    await bundle({
      entry: `${SOURCES}/${entry}`,
      output: `${folder}/${name}.new`,
      platform: "browser",
    });
    await Deno.rename(`${folder}/${name}.new`, `${folder}/${name}`);
  }
  for (const path of COPIED) {
    await Deno.writeFile(`${folder}/${basename(path)}`, await Deno.readFile(`${SOURCES}/${path}`));
  }
  await Deno.writeTextFile(`${folder}/${STAMP}`, stamp);
  return "built";
}

/** A hash of the sources, the versions of the libraries and the bundler. */
async function stampOfSources(): Promise<string> {
  const hash = createHash("sha256").update(Deno.version.deno);
  const names = FOLDERS.flatMap((folder) => {
    return Array.from(Deno.readDirSync(`${SOURCES}/${folder}`), ({ name }) => {
      return `${SOURCES}/${folder}/${name}`;
    });
  });
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

if (import.meta.main) {
  const result = await bundleConsole(resolve(ROOT, "dist/console"));
  if (result === "built") say("Built the pages of the console");
}
