// The command line: parses the arguments and answers those that need no running proxy. The result is a
// configuration to start with, or an exit code.

import { type Config, ConfigError, loadConfig } from "../config/config.ts";
import { findUnreadable } from "../config/files.ts";
import { findNotices, unknownNames } from "../config/notices.ts";
import { reportConfig } from "../config/report.ts";
import { GROUPS } from "../config/table.ts";
import { Environment, type Settings } from "../config/environment.ts";
import type { StandardOutputs } from "./output.ts";
import { signature, versionText } from "../core/version.ts";

export interface CommandLineIo {
  readonly environment: Environment;
  /** Writes one line to standard output. */
  readonly print: (line: string) => void;
  /** Writes one line to standard error. */
  readonly printError: (line: string) => void;
}

/** For a process that keeps running, whose output must not wait for its readers. */
export interface ProcessIo extends CommandLineIo {
  readonly streams: StandardOutputs;
}

/** A valid configuration and the settings it was made from. */
export interface Start {
  readonly action: "start";
  readonly config: Config;
  readonly settings: Settings;
}

export type Outcome =
  | Start
  | { readonly action: "exit"; readonly code: number };

/** `argument` is the first unknown one. */
export type Command =
  | { readonly name: "start" | "check" | "print-config" | "help" | "version" }
  | { readonly name: "unknown"; readonly argument: string };

const DONE: Outcome = { action: "exit", code: 0 };
const MISUSED: Outcome = { action: "exit", code: 2 };

const EXAMPLES = [
  ["Start with the defaults", "srs-proxy"],
  ["Another port, tokens for origins", "PROXY_RTMP_SERVER=1935 PROXY_REGISTER_TOKEN=… srs-proxy"],
  ["Only local origins and operators", "PROXY_SYSTEM_API=127.0.0.1:12025 srs-proxy"],
  [
    "One fixed origin",
    "PROXY_DEFAULT_BACKEND_ENABLED=on PROXY_DEFAULT_BACKEND_RTMP=1935 srs-proxy",
  ],
] as const;

/**
 * Carries out the arguments. All problems of the configuration are printed to standard error, one per
 * line.
 */
export async function runCommandLine(
  args: readonly string[],
  io: CommandLineIo,
): Promise<Outcome> {
  const command = parseCommandLine(args);
  switch (command.name) {
    case "help":
      io.print(helpText());
      return DONE;
    case "version":
      io.print(`${signature} ${versionText}`);
      return DONE;
    case "unknown":
      io.printError(`Cannot understand the arguments: current value is ${command.argument}`);
      io.printError("Try --help");
      return MISUSED;
    case "print-config":
      for (const line of reportConfig(await io.environment.read())) io.print(line);
      return DONE;
    case "check":
    case "start":
      return await readConfig(command.name, io);
  }
}

/** The first unknown argument decides; if there is none, the first argument. */
function parseCommandLine(args: readonly string[]): Command {
  const unknown = args.find((argument) => !COMMANDS.has(argument));
  if (unknown !== undefined) return { name: "unknown", argument: unknown };
  return { name: COMMANDS.get(args[0] ?? "") ?? "start" };
}

const COMMANDS: ReadonlyMap<string, "help" | "version" | "check" | "print-config"> = new Map([
  ["--help", "help"],
  ["-h", "help"],
  ["--version", "version"],
  ["-V", "version"],
  ["--check", "check"],
  ["--print-config", "print-config"],
]);

/** Usage, all variables with their defaults, and examples. */
export function helpText(): string {
  const lines = [
    `${signature} ${versionText}: a proxy in front of SRS media servers`,
    "",
    "Usage: srs-proxy [--help | --version | --check | --print-config]",
    "",
    "  --help          Show this help",
    "  --version       Show the version",
    "  --check         Check the configuration and exit: 0 if it is valid, 2 if not",
    "  --print-config  Show the value in effect of every variable, secrets hidden, and where it is set",
    "",
    "It is configured by environment variables. A .env file in the working directory is read too;",
    "it never overrides a variable that is set. An empty variable takes its default. On SIGHUP the",
    "file is read again; variables with a * change at the next start only.",
  ];
  for (const { title, variables } of GROUPS) {
    lines.push("", `${title}:`);
    for (const [name, { default: defaultText, doc, reload }] of Object.entries(variables)) {
      const shown = defaultText === "" ? "" : ` [${defaultText}]`;
      lines.push(`${reload === "start" ? "*" : " "} ${name.padEnd(33)} ${doc}${shown}`);
    }
  }
  lines.push("", "Durations are written like 300s, 1h30m or 500ms.", "", "Examples:");
  for (const [purpose, command] of EXAMPLES) lines.push(`  # ${purpose}`, `  ${command}`);
  return lines.join("\n");
}

/**
 * The environment and the outputs of this process.
 *
 * @param directory where files of variables are looked for
 */
export function processIo(directory = "."): ProcessIo {
  return {
    streams: { output: Deno.stdout, errors: Deno.stderr },
    environment: new Environment(Deno.env.toObject(), directory),
    print: (line) => writeLine(Deno.stdout, line),
    printError: (line) => writeLine(Deno.stderr, line),
  };
}

async function readConfig(command: "check" | "start", io: CommandLineIo): Promise<Outcome> {
  const settings = await io.environment.read();
  let config: Config;
  try {
    config = loadConfig(settings);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const line of [...error.problems, ...unknownNames(settings)]) io.printError(line);
    return MISUSED;
  }
  const problems = await findUnreadable(config);
  for (const problem of problems) io.printError(problem);
  if (problems.length > 0) return MISUSED;
  if (command === "start") return { action: "start", config, settings };
  const notices = findNotices(settings);
  for (const notice of notices) io.printError(`Warning: ${notice}`);
  io.print(
    notices.length === 0
      ? "The configuration is valid"
      : "The configuration is valid, with warnings",
  );
  return DONE;
}

function writeLine(output: { writeSync(bytes: Uint8Array): number }, line: string): void {
  let bytes = new TextEncoder().encode(`${line}\n`);
  while (bytes.length > 0) bytes = bytes.subarray(output.writeSync(bytes));
}
