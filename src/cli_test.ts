import assert from "node:assert/strict";
import { type CommandLineIo, helpText, type Outcome, processIo, runCommandLine } from "./cli.ts";
import { ConfigError } from "./config.ts";
import { VARIABLES } from "./config_table.ts";
import { version } from "./version.ts";

interface Run {
  readonly outcome: Outcome;
  readonly printed: readonly string[];
  readonly errors: readonly string[];
}

async function run(
  args: readonly string[],
  given: Partial<Pick<CommandLineIo, "env" | "readDotEnv">> = {},
): Promise<Run> {
  const printed: string[] = [];
  const errors: string[] = [];
  const outcome = await runCommandLine(args, {
    env: given.env ?? {},
    readDotEnv: given.readDotEnv ?? (() => Promise.resolve(undefined)),
    print: (line) => printed.push(line),
    printError: (line) => errors.push(line),
  });
  return { outcome, printed, errors };
}

Deno.test("without arguments there is a configuration to start with", async () => {
  const { outcome, printed, errors } = await run([], {
    env: { PROXY_RTMP_SERVER: "1" },
    readDotEnv: () => Promise.resolve("PROXY_RTMP_SERVER=2\nPROXY_HTTP_API=3"),
  });
  assert.equal(outcome.action, "start");
  assert.equal(outcome.config.listen.rtmp.port, 1);
  assert.equal(outcome.config.listen.httpApi.port, 3);
  assert.deepEqual([...printed, ...errors], []);
});

Deno.test("--check tells whether the configuration is good", async () => {
  const good = await run(["--check"]);
  assert.deepEqual(good.outcome, { action: "exit", code: 0 });
  assert.deepEqual(good.printed, ["The configuration is good"]);

  const bad = await run(["--check"], { env: { PROXY_HTTP_API: "x", PROXY_RTMP_SERVER: "y" } });
  assert.deepEqual(bad.outcome, { action: "exit", code: 2 });
  assert.deepEqual(bad.printed, []);
  assert.deepEqual(bad.errors, [
    "PROXY_RTMP_SERVER: Cannot parse a listen address: current value is y",
    "PROXY_HTTP_API: Cannot parse a listen address: current value is x",
  ]);
});

Deno.test("a bad configuration or .env file ends the start with exit code 2", async () => {
  const bad = await run([], { env: { PROXY_HTTP_API: "x" } });
  assert.deepEqual(bad.outcome, { action: "exit", code: 2 });
  assert.equal(bad.errors.length, 1);

  const unreadable = await run([], {
    readDotEnv: () => Promise.reject(new ConfigError([".env: Cannot read the file: denied"])),
  });
  assert.deepEqual(unreadable.outcome, { action: "exit", code: 2 });
  assert.deepEqual(unreadable.errors, [".env: Cannot read the file: denied"]);
});

Deno.test("--version names the program and its version", async () => {
  const { outcome, printed } = await run(["--version"]);
  assert.deepEqual(outcome, { action: "exit", code: 0 });
  assert.deepEqual(printed, [`srs-proxy ${version}`]);
});

Deno.test("--help shows every variable with its default and its sentence", async () => {
  const { outcome, printed } = await run(["--help", "--check"], { env: { PROXY_HTTP_API: "x" } });
  assert.deepEqual(outcome, { action: "exit", code: 0 });
  assert.deepEqual(printed, [helpText()]);
  const lines = helpText().split("\n");
  for (const [name, { default: text, doc }] of Object.entries(VARIABLES)) {
    const line = lines.find((candidate) => candidate.trim().startsWith(`${name} `));
    assert.ok(line?.endsWith(text === "" ? doc : `${doc} [${text}]`), name);
  }
});

Deno.test("an argument that means nothing ends with exit code 2 and its name", async () => {
  for (const args of [["--prot"], ["--check", "start"], ["--help", ""]]) {
    const { outcome, printed, errors } = await run(args);
    assert.deepEqual(outcome, { action: "exit", code: 2 });
    assert.deepEqual(printed, []);
    const last = args.at(-1);
    assert.equal(errors[0], `Cannot understand the arguments: current value is ${last}`);
  }
});

Deno.test("the .env file is read from the directory, if there is one", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const { readDotEnv } = processIo(directory);
    assert.equal(await readDotEnv(), undefined);
    await Deno.writeTextFile(`${directory}/.env`, "PROXY_HTTP_API=3");
    assert.equal(await readDotEnv(), "PROXY_HTTP_API=3");
    await Deno.remove(`${directory}/.env`);
    await Deno.mkdir(`${directory}/.env`);
    await assert.rejects(readDotEnv(), ConfigError);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
