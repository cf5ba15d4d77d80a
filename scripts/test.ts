// `deno task test`: everything that must hold before a change is good, in one run. Arguments choose
// steps by name (`fmt lint types layers unit alone contract fuzz e2e`, …) or test files by path; those that
// begin with a dash go to `deno test`. Wherever the program can be compiled, the tests of the whole program
// are about the compiled file, and the step `source` about the program as it is. Ends with what failed and
// a line of how many passed and how many failed.

import { resolve } from "node:path";
import { installPlaywright } from "../tests/support/browser.ts";
import { bundleFragileProgram } from "../tests/support/faults.ts";
import { TempFolder } from "../tests/support/temp_folder.ts";
import { NODE_MEDIA_SERVER_PACKAGE } from "../tests/support/node_media_server.ts";
import { WERIFT_PACKAGE } from "../tests/support/werift_origin.ts";
import { bundleConsole } from "./bundle_console.ts";
import { compileProgram } from "./compile.ts";
import { addCounts, countReport, failedCases, summaryLine, type TestCount } from "./junit.ts";
import { say } from "./say.ts";
import { setUp } from "./setup.ts";
import { chooseSteps, type Step } from "./test_steps.ts";

const ROOT = resolve(import.meta.dirname!, "..");
const MINUTE = 60_000;

type RunOptions = Pick<Step, "timeout" | "jobs" | "when" | "program" | "variables">;

const NOTHING: TestCount = { passed: 0, failed: 0, skipped: 0 };
const PASSED: TestCount = { ...NOTHING, passed: 1 };
const FAILED: TestCount = { ...NOTHING, failed: 1 };
/** Runs what follows when nobody else has anything to do. */
const GIVING_WAY = Deno.build.os === "windows" ? [] : ["nice", "-n", "19"];
/** An executable of the program that is to be tested in place of its sources. */
const EXECUTABLE = "SRS_PROXY_BIN";

/** Brings what the steps need to start; says so when it cannot. */
async function prepare(steps: readonly Step[]): Promise<boolean> {
  if (steps.every(({ program }) => program === undefined)) return true;
  // What tests start is fetched here, so that no test's deadline pays for it.
  const packages = [["main.ts"], NODE_MEDIA_SERVER_PACKAGE, WERIFT_PACKAGE];
  const done = await Promise.all([
    setUp(),
    bundleConsole(resolve(ROOT, "dist/console")).then(() => true),
    installPlaywright().then(() => true),
    ...packages.map((args) => runDeno(["cache", ...args], { timeout: 5 * MINUTE })),
  ]);
  return done.every((isDone) => isDone);
}

/** What all test processes of a run share: prepared files, and a bundled program. */
async function openShared(): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(new TempFolder());
  const variables = { TEST_FOLDER: folder.path, ...await bundleFragileProgram() };
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  return stack.move();
}

/** Has the steps of the whole program test the compiled file. @returns false when it cannot be made */
async function compile(): Promise<boolean> {
  if (Deno.env.get(EXECUTABLE)) return true;
  const output = resolve(ROOT, "dist/srs-proxy");
  try {
    await compileProgram({ output });
    Deno.env.set(EXECUTABLE, output);
    return true;
  } catch (error) {
    say(`\n${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

/** What became of a step, and a line for each thing that failed. */
interface StepResult {
  readonly count: TestCount;
  readonly failures: readonly string[];
}

async function countStep(step: Step): Promise<StepResult> {
  if (!step.isTests) {
    const isGood = await runDeno(step.args, step);
    return isGood ? { count: PASSED, failures: [] } : { count: FAILED, failures: [step.name] };
  }
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const isGood = await runDeno([...step.args, `--junit-path=${report}`], step);
    const xml = await Deno.readTextFile(report);
    const count = countReport(xml);
    const failures = failedCases(xml).map(({ name, error }) => {
      return `${step.name}: ${name}\n${error.replaceAll(/^/gm, "  ")}`;
    });
    if (isGood || failures.length > 0) return { count, failures };
    return { count: addCounts(count, FAILED), failures: [step.name] };
  } finally {
    await Deno.remove(report);
  }
}

/**
 * Whether Deno, run with these arguments, ended well and in time. Its output is this process's, of what
 * runs beside others when it has ended.
 */
async function runDeno(
  args: readonly string[],
  { timeout, when, program, jobs = 1, variables }: RunOptions,
): Promise<boolean> {
  const [subcommand, ...rest] = args;
  const deno = Deno.execPath();
  const [command, ...first] = when === "background" ? [...GIVING_WAY, deno] : [deno];
  const process = new Deno.Command(command!, {
    args: [...first, subcommand!, "--quiet", ...rest],
    cwd: ROOT,
    env: {
      DENO_JOBS: String(jobs),
      ...(variables !== undefined && { TEST_VARIABLES: variables }),
      ...(program === "sources" && { [EXECUTABLE]: "" }),
    },
    stdin: "null",
    stdout: when ? "piped" : "inherit",
    stderr: when ? "piped" : "inherit",
  }).spawn();
  const timer = setTimeout(() => {
    say(`Cannot wait any longer for deno ${args.join(" ")}`);
    process.kill("SIGTERM");
  }, timeout);
  const { success, signal } = when ? await tellOutput(process) : await process.status;
  clearTimeout(timer);
  if (signal !== null) say(`deno ${args[0]} was ended by ${signal}`);
  return success;
}

async function tellOutput(process: Deno.ChildProcess): Promise<Deno.CommandStatus> {
  const output = await process.output();
  for (const bytes of [output.stdout, output.stderr]) {
    say(new TextDecoder().decode(bytes).trimEnd());
  }
  return output;
}

/** What tests need: whether it is there, and whether there is a compiled file. */
interface Preparation {
  readonly isDone: boolean;
  readonly isCompiled: boolean;
}

/** Prepares what tests need. @param stack gets what must be disposed of in the end */
async function makeReady(
  steps: readonly Step[],
  stack: AsyncDisposableStack,
): Promise<Preparation> {
  if (!(await prepare(steps))) return { isDone: false, isCompiled: false };
  if (steps.some(({ program }) => program)) stack.use(await openShared());
  const wantsFile = steps.some(({ program }) => program === "file");
  return { isDone: true, isCompiled: wantsFile && await compile() };
}

/** Runs the chosen steps, whatever fails, and returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const steps = chooseSteps(args);
  let total = NOTHING;
  const failed: string[] = [];
  await using stack = new AsyncDisposableStack();
  const preparation = makeReady(steps, stack);
  const ofFile = steps.filter(({ program }) => program === "file").map(({ name }) => name);
  const wantsFile = ofFile.length > 0;
  const runStep = async (step: Step) => {
    const startedAt = performance.now();
    say(`\n== ${step.name}${step.when ? ` (${step.when})` : ""}`);
    const { count, failures } = await countStep(step);
    total = addCounts(total, count);
    failed.push(...failures);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    say(`== ${step.name}: ${count.failed > 0 ? "failed" : "good"} after ${seconds} s`);
  };
  const runs = new Map<string, Promise<void>>();
  const start = async (step: Step, before?: Promise<void>) => {
    const { program, waitsFor = [] } = step;
    await Promise.all([before, ...waitsFor.map((other) => runs.get(other))]);
    if (step.isTests || step.when) {
      const { isDone, isCompiled } = await preparation;
      // Without a compiled file the other steps are about the sources already.
      if (!isDone || program === "sources" && wantsFile && !isCompiled) return;
    }
    await runStep(step);
  };
  const ends: Partial<Record<"main" | "background", Promise<void>>> = {};
  for (const step of steps) {
    const queue = step.when === "beside" ? undefined : step.when ?? "main";
    const run = start(step, queue && ends[queue]);
    runs.set(step.name, run);
    if (queue) ends[queue] = run;
  }
  await Promise.all(runs.values());
  const { isDone, isCompiled } = await preparation;
  if (!isDone) {
    total = addCounts(total, FAILED);
    failed.push("what tests need is not there");
  }
  if (failed.length > 0) say(`\nFailed:\n${failed.join("\n")}`);
  if (isCompiled) {
    say(`\nThe steps ${ofFile.join(" and ")} have tested ${Deno.env.get(EXECUTABLE)}`);
  } else if (wantsFile) say("\nThe compiled file was not tested: it cannot be made here");
  say(`\n${summaryLine(total)}`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
