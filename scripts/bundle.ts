// Bundles a module and everything it imports, with the Deno that runs this.

import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname!, "..");
/** Where a bundle for Deno looks for `require`, which CommonJS packages call for Node's modules. */
const REQUIRE =
  'import{createRequire}from"node:module";const require=createRequire(import.meta.url);';

export interface BundleOptions {
  readonly entry: string;
  /** The file; or the folder, if modules that are imported dynamically go into files of their own. */
  readonly output: string;
  /** Where the bundle will run. */
  readonly platform: "browser" | "deno";
  /** Whether functions and classes keep their names, for stack traces. */
  readonly keepsNames?: boolean;
  readonly isFolder?: boolean;
}

/** @throws Error with the output of `deno bundle` when it fails */
export async function bundle(
  { entry, output, platform, keepsNames = false, isFolder = false }: BundleOptions,
): Promise<void> {
  const args = ["bundle", "--quiet", "--minify", `--platform=${platform}`];
  if (isFolder) args.push("--code-splitting", "--outdir", output);
  else args.push("--output", output);
  if (keepsNames) args.push("--keep-names");
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args, entry],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot bundle ${entry}: ${new TextDecoder().decode(stderr)}`);
  if (isFolder) await provideRequire(resolve(ROOT, output));
}

async function provideRequire(folder: string): Promise<void> {
  for (const { name } of Deno.readDirSync(folder)) {
    const text = await Deno.readTextFile(`${folder}/${name}`);
    if (!text.includes("Dynamic require of")) continue;
    await Deno.writeTextFile(`${folder}/${name}`, REQUIRE + text);
  }
}
