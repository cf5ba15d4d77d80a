// Bundles a module and everything it imports into one file, with the Deno that runs this.

import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname!, "..");

export interface BundleOptions {
  readonly entry: string;
  readonly output: string;
  /** Where the bundle will run. */
  readonly platform: "browser" | "deno";
  /** Whether functions and classes keep their names, for stack traces. */
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
