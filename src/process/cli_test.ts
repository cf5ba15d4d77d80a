import assert from "node:assert/strict";
import { TempFolder } from "../../tests/support/temp_folder.ts";
import { helpText, type Outcome, runCommandLine } from "./cli.ts";
import { VARIABLES } from "../config/table.ts";
import { Environment } from "../config/environment.ts";
import { version } from "../core/version.ts";

interface Run {
  readonly outcome: Outcome;
  readonly printed: readonly string[];
  readonly errors: readonly string[];
}

async function run(
  args: readonly string[],
  environment: Environment = new Environment({}, "/nowhere"),
): Promise<Run> {
  const printed: string[] = [];
  const errors: string[] = [];
  const outcome = await runCommandLine(args, {
    environment,
    print: (line) => printed.push(line),
    printError: (line) => errors.push(line),
  });
  return { outcome, printed, errors };
}

Deno.test("without arguments there is a configuration to start with", async () => {
  await using folder = new TempFolder();
  await Deno.writeTextFile(folder.file(".env"), "PROXY_RTMP_SERVER=2\nPROXY_HTTP_API=3");
  const environment = new Environment({ PROXY_RTMP_SERVER: "1" }, folder.path);
  const { outcome, printed, errors } = await run([], environment);
  assert.equal(outcome.action, "start");
  assert.equal(outcome.config.listen.rtmp.port, 1);
  assert.equal(outcome.config.listen.httpApi.port, 3);
  assert.deepEqual([...printed, ...errors], []);
});

Deno.test("--check says whether the configuration is valid", async () => {
  const good = await run(["--check"]);
  assert.deepEqual(good.outcome, { action: "exit", code: 0 });
  assert.deepEqual(good.printed, ["The configuration is valid"]);

  const bad = await run(
    ["--check"],
    new Environment({ PROXY_HTTP_API: "x", PROXY_RTMP_SERVER: "y" }),
  );
  assert.deepEqual(bad.outcome, { action: "exit", code: 2 });
  assert.deepEqual(bad.printed, []);
  assert.deepEqual(bad.errors, [
    "PROXY_RTMP_SERVER: Cannot parse a listen address: current value is y",
    "PROXY_HTTP_API: Cannot parse a listen address: current value is x",
  ]);
});

Deno.test("an invalid configuration or .env file ends the start with exit code 2", async () => {
  const bad = await run([], new Environment({ PROXY_HTTP_API: "x" }));
  assert.deepEqual(bad.outcome, { action: "exit", code: 2 });
  assert.equal(bad.errors.length, 1);

  await using folder = new TempFolder();
  await Deno.writeTextFile(folder.file("file"), "nothing");
  const environment = new Environment({ PROXY_ENV_FILE: folder.file("file") });
  const unreadable = await run([], environment);
  assert.deepEqual(unreadable.outcome, { action: "exit", code: 2 });
  assert.equal(unreadable.errors.length, 1);
});

Deno.test("--version names the program and its version", async () => {
  const { outcome, printed } = await run(["--version"]);
  assert.deepEqual(outcome, { action: "exit", code: 0 });
  assert.deepEqual(printed, [`srs-proxy ${version}`]);
});

Deno.test("--help shows every variable with its default and its description", async () => {
  const { outcome, printed } = await run(
    ["--help", "--check"],
    new Environment({ PROXY_HTTP_API: "x" }),
  );
  assert.deepEqual(outcome, { action: "exit", code: 0 });
  assert.deepEqual(printed, [helpText()]);
  const lines = helpText().split("\n");
  for (const [name, { default: text, doc, reload }] of Object.entries(VARIABLES)) {
    const mark = reload === "start" ? "*" : " ";
    const line = lines.find((candidate) => candidate.startsWith(`${mark} ${name} `));
    assert.ok(line?.endsWith(text === "" ? doc : `${doc} [${text}]`), name);
  }
});

Deno.test("an unknown argument ends with exit code 2 and is named", async () => {
  for (const args of [["--prot"], ["--check", "start"], ["--help", ""]]) {
    const { outcome, printed, errors } = await run(args);
    assert.deepEqual(outcome, { action: "exit", code: 2 });
    assert.deepEqual(printed, []);
    const last = args.at(-1);
    assert.equal(errors[0], `Cannot understand the arguments: current value is ${last}`);
  }
});

Deno.test("--check warns about variables without effect, and ends with 2 for missing files", async () => {
  const odd = { PROXY_RTMP_SEVRER: "1935", PROXY_REDIS_HOST: "redis" };
  const warned = await run(["--check"], new Environment(odd, "/nowhere"));
  assert.deepEqual(warned.outcome, { action: "exit", code: 0 });
  assert.deepEqual(warned.printed, ["The configuration is valid, with warnings"]);
  assert.equal(warned.errors.length, 2);
  assert.match(warned.errors[0]!, /^Warning: PROXY_RTMP_SEVRER: .*PROXY_RTMP_SERVER/);
  for (const name of ["PROXY_STATIC_FILES", "PROXY_ENV_FILE"]) {
    for (const args of [["--check"], []]) {
      const bad = await run(args, new Environment({ [name]: "/nowhere/at/all" }, "/nowhere"));
      assert.deepEqual(bad.outcome, { action: "exit", code: 2 });
      assert.match(bad.errors.join(), new RegExp(`^${name}: Cannot`));
    }
  }
});

Deno.test("--print-config shows the values in effect", async () => {
  await using folder = new TempFolder();
  await Deno.writeTextFile(folder.file(".env"), "PROXY_RTMP_SERVER=2\nPROXY_HTTP_API=3");
  const environment = new Environment({ PROXY_RTMP_SERVER: "1" }, folder.path);
  const { outcome, printed } = await run(["--print-config"], environment);
  assert.deepEqual(outcome, { action: "exit", code: 0 });
  assert.ok(printed.includes("PROXY_RTMP_SERVER=1 # environment"));
  assert.ok(printed.includes("PROXY_HTTP_API=3 # .env"));
  assert.ok(printed.includes("PROXY_HTTP_SERVER=18080 # default"));
});
