// Makes one file of a module and all that it imports, by the Deno that runs this.

import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname!, "..");

/** What to bundle. */
export interface BundleOptions {
  readonly entry: string;
  readonly output: string;
  /** Where it will run. */
  readonly platform: "browser" | "deno";
  /** Whether functions and classes are called in stacks as they are in the sources. */
  readonly keepsNames?: boolean;
}

/** @throws Error with the output of `deno bundle` when it fails */
export async function bundle(
  { entry, output, platform, keepsNames = false }: BundleOptions,
): Promise<void> {
  const args = ["bundle", "--quiet", "--minify", `--platform=${platform}`, "-o", output, entry];
  if (keepsNames) args.push("--keep-names");
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot bundle ${entry}: ${new TextDecoder().decode(stderr)}`);
}
