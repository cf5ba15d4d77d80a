// `deno task test`: everything that must hold before a change is good, in one run. Arguments choose
// steps by name (`fmt lint types layers unit alone contract fuzz e2e`, …) or test files by path; those that
// begin with a dash go to `deno test`. Wherever the program can be compiled, the steps e2e, crowds,
// measured, one-lane and engine are about the compiled file, and the step `source` about the program as it
// is. Steps run one after the other, those that only compute in the background. Ends with what failed
// and a line of how many passed and how many failed.

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

const ROOT = resolve(import.meta.dirname!, "..");
const MINUTE = 60_000;

/** One thing to run with the Deno that runs this. */
interface Step {
  readonly name: string;
  readonly args: readonly string[];
  /** A step of tests counts its tests; any other counts as one. */
  readonly isTests: boolean;
  /** Milliseconds after which it has failed. */
  readonly timeout: number;
  /** Whether it runs the program from its sources although there is a compiled file. */
  readonly isOfSource?: boolean;
  /** Test files that run at one time; one unless told. Most of their time is waiting. */
  readonly jobs?: number;
  /** Whether it is all computing: it runs beside steps that mostly wait, and gives way to them. */
  readonly isBackground?: boolean;
  /** Whether nothing may run beside it. */
  readonly needsMachine?: boolean;
  /** What every proxy of its tests is started with, unless a test says otherwise: `NAME=value`. */
  readonly variables?: string;
}

type RunOptions = Omit<Step, "name" | "args" | "isTests" | "needsMachine">;

const NOTHING: TestCount = { passed: 0, failed: 0, skipped: 0 };
const PASSED: TestCount = { ...NOTHING, passed: 1 };
const FAILED: TestCount = { ...NOTHING, failed: 1 };
/** Runs what follows when nobody else has anything to do. */
const GIVING_WAY = Deno.build.os === "windows" ? [] : ["nice", "-n", "19"];
/** What the step `types` has checked already. */
const UNCHECKED = "--no-check";
const INSIDE = [
  ...["--allow-net", "--allow-env", "--allow-read", "--allow-write", "--allow-sys"],
  ...["--allow-ffi", UNCHECKED],
];
const EVERYTHING = ["--allow-all", UNCHECKED];
/** Tests that look at the whole process, in which no others may run meanwhile, or start programs. */
const ALONE = [
  "src/net/descriptors_test.ts",
  "src/net/libc/descriptor_set_test.ts",
  "src/net/libc/tcp_options_test.ts",
  "src/net/tls/openssl_end_test.ts",
  "src/net/tls/tls_engine_test.ts",
  "src/app/origin_trust_test.ts",
  "src/app/tls_test.ts",
  "src/lane/lane_modules_test.ts",
  "src/lane/lanes_tls_test.ts",
  "src/net/spare_memory_test.ts",
  "src/net/deno/tcp_connection_test.ts",
  "src/net/udp/links_test.ts",
  "tests/contract/origin_tls_test.ts",
  "tests/contract/tls_test.ts",
  "tests/fuzz/stun_fuzz_test.ts",
];
/** Tests of the whole program with many clients, beside which there is room for few others. */
const CROWDS = e2eFiles(
  ...["lanes", "blocked_log", "lane_failure", "hostile_bytes", "hostile_datagrams"],
  ...["descriptors", "rtmp_streams", "srt_bounds", "webrtc_sessions"],
);
/**
 * Tests of the whole program that make networks, at which a browser outside of them gives up what it is
 * loading.
 */
const NETWORKS = e2eFiles("origin_addresses", "ipv6", "blocked_udp");
/** Tests of the whole program that measure what it takes. */
const MEASURED = e2eFiles("idle_memory");
/** Tests that choose the lanes of their proxies themselves: with others they would be the same tests. */
const OF_OWN_LANES = e2eFiles(
  ...["blocked_log", "hostile_bytes", "hostile_datagrams", "lane_failure", "lanes"],
  ...["lane_watchdog", "udp_lanes"],
);
/**
 * Tests that are run in one mode, for want of time: of what has a contract that is tested with both
 * engines (TLS, the PROXY protocol, WebRTC over TCP), and of what is in the main thread or around it
 * (registration, health, Redis, the System API, the service, a blocked log, how lanes are replaced); and
 * crowds, but for those that each engine must bear.
 */
const IN_ONE_MODE = e2eFiles(
  ...["balancers", "blocked_log", "clock", "descriptors", "docs", "drain", "events"],
  ...["frozen_origin", "hls_two_proxies", "hosts", "known_streams", "lane_failure"],
  ...["lane_watchdog", "live_streams", "named_origin", "origin_tls", "origins_api", "proxy_loop"],
  ...["redis", "register", "rtmp_streams", "service", "srt_bounds", "system_port", "tls"],
  ...["tls_bad_input", "upgrade", "webrtc_sessions", "webrtc_tcp"],
);
const NOT_WITH_ONE_LANE = [...OF_OWN_LANES, ...IN_ONE_MODE];
/** Tests of the whole program that take longest, those with a browser apart from each other. */
const LONG = [
  "tests/pages/return_test.ts",
  ...e2eFiles("srt", "redis", "origin_tls", "http_media"),
  "tests/console/console_test.ts",
  ...e2eFiles("rtmp_clients", "webrtc_tcp"),
  "tests/pages/live_test.ts",
  ...e2eFiles(
    "lane_watchdog",
    "http_bad_origins",
    "rates",
    "frozen_origin",
    "tls",
    "origin_failure",
  ),
  ...e2eFiles("webrtc"),
];
const BESIDE_OTHERS = ["--parallel", `--ignore=${ALONE.join(",")}`];
export const STEPS: readonly Step[] = [
  checkStep("fmt", ["fmt", "--check"]),
  checkStep("lint", ["lint"]),
  { ...checkStep("types", ["check", "."]), isBackground: true },
  checkStep("layers", ["run", "--allow-read", "scripts/check_layers.ts"]),
  // With the examples in comments; Deno's type check takes what an example does not import for unused.
  {
    ...testStep("unit", ["src", "scripts"], ["--doc", ...BESIDE_OTHERS, ...INSIDE]),
    jobs: 3,
  },
  {
    ...testStep("networks", NETWORKS, ["--parallel", ...EVERYTHING]),
    jobs: 3,
    variables: "PROXY_LANES=3",
  },
  testStep("alone", ALONE, EVERYTHING),
  {
    ...testStep("contract", ["tests/contract", "tests/support"], [...BESIDE_OTHERS, ...EVERYTHING]),
    jobs: 3,
  },
  {
    ...testStep("fuzz", ["tests/fuzz"], [...BESIDE_OTHERS, ...INSIDE]),
    jobs: 2,
    isBackground: true,
  },
  // With the pages in a browser, and what is installed with the program.
  {
    ...e2eStep("e2e", {
      folders: ["tests/pages", "tests/console", "tests/e2e", "tests/packaging"],
    }),
    variables: "PROXY_LANES=3",
  },
  { ...crowdsStep("crowds"), variables: "PROXY_LANES=3" },
  { ...testStep("measured", MEASURED, EVERYTHING), needsMachine: true },
  // As the program is on one core, and where there is no C library.
  {
    ...e2eStep("one-lane", { ignored: NOT_WITH_ONE_LANE }),
    variables: "PROXY_LANES=1",
  },
  { ...e2eStep("engine", { ignored: IN_ONE_MODE }), variables: "PROXY_ENGINE=deno" },
  { ...crowdsStep("engine-crowds", IN_ONE_MODE), variables: "PROXY_ENGINE=deno" },
  {
    ...testStep("source", e2eFiles("lifecycle", "one_port"), [
      ...["--parallel", ...EVERYTHING],
    ]),
    jobs: 2,
    isOfSource: true,
  },
];

/** Steps that test the compiled file. */
const OF_FILE: readonly string[] = [
  ...["networks", "e2e", "crowds", "measured"],
  ...["one-lane", "engine", "engine-crowds"],
];
const NEED_PROGRAMS: readonly string[] = ["contract", "source", "files", ...OF_FILE];
/** An executable of the program that is to be tested in place of its sources. */
const EXECUTABLE = "SRS_PROXY_BIN";

function e2eFiles(...names: readonly string[]): string[] {
  return names.map((name) => `tests/e2e/${name}_test.ts`);
}

function checkStep(name: string, args: readonly string[]): Step {
  return { name, args, isTests: false, timeout: 5 * MINUTE };
}

function testStep(name: string, paths: readonly string[], permissions: readonly string[]): Step {
  const args = ["test", "--permit-no-files", ...permissions, ...paths];
  return { name, args, isTests: true, timeout: 20 * MINUTE };
}

/** The tests of the whole program that need no machine for themselves, most of whose time is waiting. */
function e2eStep(
  name: string,
  { folders = ["tests/e2e"], ignored = [] }: {
    readonly folders?: readonly string[];
    readonly ignored?: readonly string[];
  } = {},
): Step {
  const elsewhere = [...CROWDS, ...NETWORKS, ...MEASURED, ...ignored];
  const files = folders.flatMap((folder) => {
    return Array.from(Deno.readDirSync(`${ROOT}/${folder}`), ({ name }) => `${folder}/${name}`);
  });
  // What begins last must not be what takes longest: nothing else would run beside it.
  const rest = files.filter((file) => !LONG.includes(file)).toSorted();
  const order = [...LONG.filter((file) => files.includes(file)), ...rest];
  const chosen = order.filter((file) => !elsewhere.includes(file));
  return { ...testStep(name, chosen, ["--parallel", ...EVERYTHING]), jobs: 4 };
}

/** The tests of the whole program with many clients. */
function crowdsStep(name: string, ignored: readonly string[] = []): Step {
  const files = CROWDS.filter((file) => !ignored.includes(file));
  const step = testStep(name, files, ["--parallel", ...EVERYTHING]);
  return { ...step, jobs: 3, needsMachine: true };
}

/** @throws Error when an argument is neither a step's name nor a path nor an option */
export function chooseSteps(args: readonly string[]): Step[] {
  const options = args.filter((arg) => arg.startsWith("-"));
  const words = args.filter((arg) => !arg.startsWith("-"));
  const paths = words.filter((word) => !STEPS.some(({ name }) => name === word));
  paths.forEach((path) => Deno.statSync(path));
  const chosen = STEPS.filter(({ name }) => words.includes(name));
  if (paths.length > 0) {
    chosen.push(testStep("files", paths.map((path) => resolve(path)), ["--allow-all"]));
  }
  if (chosen.length === 0) chosen.push(...STEPS);
  const isBeside = chosen.some(({ isBackground }) => !isBackground);
  return chosen.map((step) => {
    const args = step.isTests ? [...step.args, ...options] : step.args;
    return { ...step, args, isBackground: isBeside && step.isBackground === true };
  });
}

/** Brings what the steps need to start; says so when it cannot. */
async function prepare(steps: readonly Step[]): Promise<boolean> {
  if (!steps.some(({ name }) => NEED_PROGRAMS.includes(name))) return true;
  if (!(await setUp())) return false;
  await bundleConsole(resolve(ROOT, "dist/console"));
  // What tests start is fetched here, so that no test's deadline pays for it.
  const packages = [["main.ts"], NODE_MEDIA_SERVER_PACKAGE, WERIFT_PACKAGE];
  for (const args of packages) {
    if (!(await runDeno(["cache", ...args], { timeout: 5 * MINUTE }))) return false;
  }
  await installPlaywright();
  return true;
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
 * Whether Deno, run with these arguments, ended well and in time. Its output is this process's, in the
 * background when it has ended.
 */
async function runDeno(
  args: readonly string[],
  { timeout, isBackground = false, isOfSource = false, jobs = 1, variables }: RunOptions,
): Promise<boolean> {
  const [subcommand, ...rest] = args;
  const [command, ...first] = isBackground ? [...GIVING_WAY, Deno.execPath()] : [Deno.execPath()];
  const process = new Deno.Command(command!, {
    args: [...first, subcommand!, "--quiet", ...rest],
    cwd: ROOT,
    env: {
      DENO_JOBS: String(jobs),
      ...(variables !== undefined && { TEST_VARIABLES: variables }),
      ...(isOfSource ? { [EXECUTABLE]: "" } : {}),
    },
    stdin: "null",
    stdout: isBackground ? "piped" : "inherit",
    stderr: isBackground ? "piped" : "inherit",
  }).spawn();
  const timer = setTimeout(() => {
    say(`Cannot wait any longer for deno ${args.join(" ")}`);
    process.kill("SIGTERM");
  }, timeout);
  const { success, signal } = isBackground ? await tellOutput(process) : await process.status;
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

async function runEach(
  steps: readonly Step[],
  run: (step: Step) => Promise<void>,
): Promise<void> {
  for (const step of steps) await run(step);
}

/** Runs the chosen steps, whatever fails, and returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const steps = chooseSteps(args);
  let total = NOTHING;
  const failed: string[] = [];
  if (!(await prepare(steps))) {
    say(`\n${summaryLine(FAILED)}`);
    return 1;
  }
  await using _shared = steps.some(({ name }) => NEED_PROGRAMS.includes(name))
    ? await openShared()
    : undefined;
  const wantsFile = steps.some(({ name }) => OF_FILE.includes(name));
  const isCompiled = wantsFile && await compile();
  const runStep = async (step: Step) => {
    const startedAt = performance.now();
    say(`\n== ${step.name}${step.isBackground ? " in the background" : ""}`);
    const { count, failures } = await countStep(step);
    total = addCounts(total, count);
    failed.push(...failures);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    say(`== ${step.name}: ${count.failed > 0 ? "failed" : "good"} after ${seconds} s`);
  };
  const background = runEach(steps.filter(({ isBackground }) => isBackground), runStep);
  for (const step of steps.filter(({ isBackground }) => !isBackground)) {
    // Without a compiled file the other steps are about the sources already.
    if (step.isOfSource && wantsFile && !isCompiled) continue;
    if (step.needsMachine) await background;
    await runStep(step);
  }
  await background;
  if (failed.length > 0) say(`\nFailed:\n${failed.join("\n")}`);
  if (isCompiled) {
    say(`\nThe steps ${OF_FILE.join(" and ")} have tested ${Deno.env.get(EXECUTABLE)}`);
  } else if (wantsFile) say("\nThe compiled file was not tested: it cannot be made here");
  say(`\n${summaryLine(total)}`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
