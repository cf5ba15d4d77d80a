// `deno task compile`: compiles the program, bundled, into one executable that includes its workers and
// the pages of the console, and writes its SHA-256 next to it. Accepts `--target` and `--output`.
// SRS_PROXY_COMPILE_DENO names the Deno that compiles, by default the one that runs this;
// DENORT_BIN is Deno's own variable for a local runtime, which avoids a download.

import { createHash } from "node:crypto";
import { dirname, resolve } from "node:path";
import configuration from "../deno.json" with { type: "json" };
import { bundle } from "./bundle.ts";
import { bundleConsole } from "./bundle_console.ts";
import { PERMISSIONS, V8_FLAGS } from "./permissions.ts";
import { say } from "./say.ts";

const ROOT = resolve(import.meta.dirname!, "..");
const LANE = "src/lane/lane_worker.ts";
const STAMP = "dist/build.json";

/** Deno's names of the target systems, by ours. */
export const TARGETS: Readonly<Record<string, string>> = {
  "linux-x86_64": "x86_64-unknown-linux-gnu",
  "linux-arm64": "aarch64-unknown-linux-gnu",
  "macos-x86_64": "x86_64-apple-darwin",
  "macos-arm64": "aarch64-apple-darwin",
};

export interface CompileOptions {
  /** A key of `TARGETS`; this machine unless given. */
  readonly target?: string;
  /** Where the executable goes. */
  readonly output: string;
}

/**
 * Compiles the program and writes `OUTPUT.sha256` next to it, in sha256sum's format.
 *
 * @throws Error with Deno's output when it cannot compile
 */
export async function compileProgram({ target, output }: CompileOptions): Promise<void> {
  await bundleConsole(resolve(ROOT, "dist/console"));
  await Deno.mkdir(dirname(output), { recursive: true });
  await Deno.writeTextFile(
    resolve(ROOT, STAMP),
    JSON.stringify({ commit: await commitOfSources() }),
  );
  try {
    const program = await bundleProgram("dist/program");
    const included = [await bundleLane("dist/workers"), program, "dist/console", STAMP];
    await compileDeno([
      "compile",
      "--quiet",
      "--no-check",
      // The cache would be in a folder that others can write to, and does not speed up loading.
      "--no-code-cache",
      ...PERMISSIONS,
      V8_FLAGS,
      ...included.map((path) => `--include=${path}`),
      ...(target === undefined ? [] : [`--target=${TARGETS[target]}`]),
      `--output=${output}`,
      `${program}/main.js`,
    ]);
  } finally {
    await Deno.remove(resolve(ROOT, STAMP));
  }
  const hash = createHash("sha256").update(await Deno.readFile(output)).digest("hex");
  await Deno.writeTextFile(`${output}.sha256`, `${hash}  ${output.split("/").at(-1)}\n`);
}

/**
 * The short id of the commit, with `-dirty` appended if files differ from it; empty without git.
 */
async function commitOfSources(): Promise<string> {
  try {
    const args = ["describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"];
    return (await outputOf("git", args)).trim();
  } catch {
    return "";
  }
}

/**
 * Bundles a lane's modules, which `deno compile` does not find by itself, into one file: a thread
 * that loads it takes a fifth less memory than one that loads the sources, with their comments and
 * file names.
 *
 * @param folder where to put it, in the project
 * @returns its path
 */
export async function bundleLane(folder: string): Promise<string> {
  const output = `${folder}/lane_worker.js`;
  await Deno.mkdir(resolve(ROOT, folder), { recursive: true });
  await bundle({ entry: LANE, output, platform: "deno", keepsNames: true });
  return output;
}

/**
 * Bundles the program, which then starts with a fifth less CPU time. As in the sources, what answers
 * `--version` or speaks to Redis is only loaded where it is needed.
 *
 * @param folder where to put it, in the project, as deep as its modules
 * @returns the folder
 */
async function bundleProgram(folder: string): Promise<string> {
  await Deno.remove(resolve(ROOT, folder), { recursive: true }).catch(ignoreMissing);
  const options = { platform: "deno", keepsNames: true, isFolder: true } as const;
  await bundle({ entry: "main.ts", output: folder, ...options });
  return folder;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

function compileDeno(args: readonly string[]): Promise<string> {
  return outputOf(Deno.env.get("SRS_PROXY_COMPILE_DENO") || Deno.execPath(), args);
}

/** @throws Error with the command's output when it fails */
async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  const [said = ""] = new TextDecoder().decode(stderr).split("\nStack backtrace:");
  throw new Error(`Cannot run ${command} ${args[0]}: ${said.trim()}`);
}

/** Durations of several runs of `EXECUTABLE --version` in milliseconds, shortest first. */
async function startTimes(executable: string, runs = 7): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const startedAt = performance.now();
    await outputOf(executable, ["--version"]);
    times.push(performance.now() - startedAt);
  }
  return times.toSorted((a, b) => a - b);
}

/** @throws Error when an argument is not understood */
export function parseArguments(args: readonly string[]): CompileOptions {
  let target: string | undefined;
  let output: string | undefined;
  for (const arg of args) {
    const [, name, value = ""] = /^--(target|output)=(.+)$/.exec(arg) ?? [];
    if (name === undefined) throw new Error(`Cannot understand the argument ${arg}`);
    if (name === "output") output = value;
    else if (Object.hasOwn(TARGETS, value)) target = value;
    else {
      const known = Object.keys(TARGETS).join(", ");
      throw new Error(`Cannot compile for other than ${known}: current value is ${value}`);
    }
  }
  const name = target === undefined ? "srs-proxy" : `srs-proxy-${target}`;
  const path = resolve(ROOT, output ?? `dist/${name}`);
  return target === undefined ? { output: path } : { target, output: path };
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseArguments(args);
    await compileProgram(options);
    const { size } = await Deno.stat(options.output);
    say(`${options.output}: version ${configuration.version}, ${(size / 1e6).toFixed(1)} MB`);
    say((await Deno.readTextFile(`${options.output}.sha256`)).trim());
    if (options.target === undefined) {
      const [shortest = 0] = await startTimes(options.output);
      say(`srs-proxy --version takes ${shortest.toFixed(0)} ms`);
    }
    return 0;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
