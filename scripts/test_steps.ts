// The steps of a test run: what each runs, with which variables, and what may run at the same time.

import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname!, "..");
const MINUTE = 60_000;

/** One thing to run with the Deno that runs this. */
export interface Step {
  readonly name: string;
  readonly args: readonly string[];
  /** A step of tests counts its tests; any other counts as one. */
  readonly isTests: boolean;
  /** Milliseconds after which it has failed. */
  readonly timeout: number;
  /**
   * Given if its tests start programs: which one is tested, the `file` being the compiled one, if it can be
   * made here; `chosen` by the environment, else the sources.
   */
  readonly program?: "file" | "sources" | "chosen";
  /** Test files that run at one time; one unless told. Most of their time is waiting. */
  readonly jobs?: number;
  /**
   * When it runs if not after the step before it: `beside` the others from the start, or, since it only
   * computes, in the `background`, after those before it there, and giving way to all others.
   */
  readonly when?: "beside" | "background";
  /** Steps that must have ended before it begins. */
  readonly waitsFor?: readonly string[];
  /** What every proxy of its tests is started with, unless a test says otherwise: `NAME=value`. */
  readonly variables?: string;
}

/** What the step `types` has checked already. */
const UNCHECKED = "--no-check";
const INSIDE = [
  ...["--allow-net", "--allow-env", "--allow-read", "--allow-write", "--allow-sys"],
  ...["--allow-ffi", UNCHECKED],
];
const EVERYTHING = ["--allow-all", UNCHECKED];
const PARALLEL = ["--parallel", ...EVERYTHING];
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
/**
 * Tests of the whole program with many clients, beside which there is room for few others; those that
 * take longest first.
 */
const CROWDS = e2eFiles(
  ...["lanes", "lane_failure", "blocked_log", "webrtc_sessions", "hostile_bytes"],
  ...["rtmp_streams", "srt_bounds", "hostile_datagrams", "descriptors"],
);
/**
 * Tests of the whole program that make networks, at which a browser outside of them gives up what it is
 * loading.
 */
const NETWORKS = e2eFiles("origin_addresses", "ipv6", "blocked_udp");
/** Tests of the whole program that measure what it takes. */
const MEASURED = e2eFiles("idle_memory");
/** Tests that choose the lanes of their proxies themselves: with one lane they would be the same. */
const OF_OWN_LANES = e2eFiles(
  ...["blocked_log", "hostile_bytes", "hostile_datagrams", "lane_failure", "lanes"],
  ...["lane_watchdog", "udp_lanes"],
);
/** Tests of the whole program that take longest, in this order; those with a browser not all at once. */
const LONG = [
  "tests/pages/return_test.ts",
  ...e2eFiles("redis", "origin_tls", "rates", "srt"),
  "tests/console/console_test.ts",
  ...e2eFiles("tls", "webrtc_tcp"),
  "tests/pages/live_test.ts",
  ...e2eFiles("http_media", "lane_watchdog"),
  "tests/pages/publish_test.ts",
  ...e2eFiles("rtmp_clients", "webrtc"),
  "tests/pages/play_test.ts",
  ...e2eFiles("http_bad_origins", "http_passing", "frozen_origin", "origin_failure"),
  "tests/console/media_test.ts",
  ...e2eFiles("tls_bad_input", "service", "http_bad_clients", "live_streams", "lifecycle"),
  ...e2eFiles("upgrade", "balancers", "http_fidelity", "reload", "register"),
];
const ALL_BUT_ALONE = ["--parallel", `--ignore=${ALONE.join(",")}`];

/** How the proxies of all tests of the whole program are run, in turn. */
interface Mode {
  /** Added to the names of its steps. */
  readonly suffix: string;
  readonly variables: string;
  /** Files of `e2e` that run at one time. */
  readonly jobs: number;
  /** Folders without the tests of the whole program. */
  readonly folders?: readonly string[];
  readonly isLeftOut?: (file: string) => boolean;
}

const MODES: readonly Mode[] = [
  // With the pages in a browser, and what is installed with the program.
  {
    suffix: "",
    variables: "PROXY_LANES=3",
    jobs: 6,
    folders: ["tests/pages", "tests/console", "tests/packaging"],
  },
  // As the program is on one core.
  {
    suffix: "-one-lane",
    variables: "PROXY_LANES=1",
    jobs: 7,
    isLeftOut: (file) => OF_OWN_LANES.includes(file),
  },
  // As it is where there is no C library.
  { suffix: "-engine", variables: "PROXY_ENGINE=deno", jobs: 7 },
];

const NETWORK_STEPS = MODES.map(({ suffix }) => `networks${suffix}`);

export const STEPS: readonly Step[] = [
  checkStep("fmt", ["fmt", "--check"]),
  checkStep("lint", ["lint"]),
  { ...checkStep("types", ["check", "."]), when: "background" },
  checkStep("layers", ["run", "--allow-read", "scripts/check_layers.ts"]),
  ...MODES.map(networksStep),
  // With the examples in comments; Deno's type check takes what an example does not import for unused.
  {
    ...testStep("unit", ["src", "scripts"], ["--doc", ...ALL_BUT_ALONE, ...INSIDE]),
    jobs: 3,
  },
  {
    ...testStep("contract", ["tests/contract", "tests/support"], [...ALL_BUT_ALONE, ...EVERYTHING]),
    program: "chosen",
    jobs: 3,
  },
  { ...testStep("alone", ALONE, EVERYTHING), waitsFor: NETWORK_STEPS },
  {
    ...testStep("fuzz", ["tests/fuzz"], [...ALL_BUT_ALONE, ...INSIDE]),
    jobs: 2,
    when: "background",
  },
  // In turn, since the crowds of one mode leave behind ports that cannot be used for a minute.
  ...MODES.flatMap((mode) => [e2eStep(mode), crowdsStep(mode)]),
  // Beside the smallest of crowds: it measures memory.
  {
    ...testStep("measured", MEASURED, EVERYTHING),
    program: "file",
    when: "beside",
    waitsFor: ["e2e-one-lane"],
  },
  {
    ...testStep("source", e2eFiles("lifecycle"), EVERYTHING),
    program: "sources",
    when: "beside",
    waitsFor: ["alone"],
  },
];

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

function networksStep({ suffix, variables }: Mode): Step {
  const step = testStep(`networks${suffix}`, NETWORKS, PARALLEL);
  return { ...step, variables, program: "file", jobs: 2, when: "beside" };
}

/** The tests of the whole program that need no machine for themselves, most of whose time is waiting. */
function e2eStep({ suffix, variables, folders = [], jobs, isLeftOut = () => false }: Mode): Step {
  const elsewhere = [...CROWDS, ...NETWORKS, ...MEASURED];
  const files = [...folders, "tests/e2e"].flatMap((folder) => {
    return Array.from(Deno.readDirSync(`${ROOT}/${folder}`), ({ name }) => `${folder}/${name}`);
  });
  // What begins last must not be what takes longest: nothing else would run beside it.
  const rest = files.filter((file) => !LONG.includes(file)).toSorted();
  const order = [...LONG.filter((file) => files.includes(file)), ...rest];
  const chosen = order.filter((file) => !elsewhere.includes(file) && !isLeftOut(file));
  const step = testStep(`e2e${suffix}`, chosen, PARALLEL);
  return { ...step, variables, program: "file", jobs, waitsFor: NETWORK_STEPS };
}

function crowdsStep({ suffix, variables, isLeftOut = () => false }: Mode): Step {
  const files = CROWDS.filter((file) => !isLeftOut(file));
  const step = testStep(`crowds${suffix}`, files, PARALLEL);
  return { ...step, variables, program: "file", jobs: 3, waitsFor: ["fuzz"] };
}

/** @throws Error when an argument is neither a step's name nor a path nor an option */
export function chooseSteps(args: readonly string[]): Step[] {
  const options = args.filter((arg) => arg.startsWith("-"));
  const words = args.filter((arg) => !arg.startsWith("-"));
  const paths = words.filter((word) => !STEPS.some(({ name }) => name === word));
  paths.forEach((path) => Deno.statSync(path));
  const chosen = STEPS.filter(({ name }) => words.includes(name));
  if (paths.length > 0) {
    const step = testStep("files", paths.map((path) => resolve(path)), ["--allow-all"]);
    chosen.push({ ...step, program: "chosen" });
  }
  if (chosen.length === 0) chosen.push(...STEPS);
  return chosen.map((step) => step.isTests ? { ...step, args: [...step.args, ...options] } : step);
}
