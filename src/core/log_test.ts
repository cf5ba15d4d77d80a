import assert from "node:assert/strict";
import { configureLog, type LogFormat, logger, type LogLevel, withLogFields } from "./log.ts";

async function linesOf(
  options: { level: LogLevel; format: LogFormat },
  log: () => void | Promise<void>,
): Promise<string[]> {
  const lines: string[] = [];
  await using _log = await configureLog({ ...options, write: (line) => lines.push(line) });
  await log();
  return lines;
}

Deno.test("a JSON line holds the constant message and flat fields", async () => {
  const lines = await linesOf({ level: "info", format: "json" }, () => {
    logger("registry").info("Origin registered", { origin: "a1", streams: 3 });
  });
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.endsWith("}\n"));
  const { "@timestamp": time, ...rest } = JSON.parse(lines[0] ?? "");
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.deepEqual(rest, {
    level: "INFO",
    logger: "registry",
    message: "Origin registered",
    origin: "a1",
    streams: 3,
  });
});

Deno.test("a JSON line holds an error with its cause", async () => {
  const lines = await linesOf({ level: "info", format: "json" }, () => {
    const error = new Error("Cannot dial", { cause: new Error("refused") });
    logger("relay").error("Session closed", { error });
  });
  const { error } = JSON.parse(lines[0] ?? "");
  assert.equal(error.message, "Cannot dial");
  assert.equal(error.cause.message, "refused");
});

Deno.test("a text line is short and no value can forge a field or a line", async () => {
  const lines = await linesOf({ level: "info", format: "text" }, () => {
    logger("relay").warn("Session closed", {
      stream: 'a\nb="c" d=e',
      client: "[::1]:5",
      absent: undefined,
      origin: "10.0.0.1:1935",
      error: new Error("Cannot dial", { cause: new Error("refused") }),
    });
  });
  const [time, ...rest] = (lines[0] ?? "").split(" ");
  assert.ok(Date.parse(time ?? "") > 0);
  assert.equal(
    rest.join(" "),
    'WARNING relay: Session closed stream="a\\nb=\\"c\\" d=e" client=[::1]:5 ' +
      'origin=10.0.0.1:1935 error="Error: Cannot dial: Error: refused"\n',
  );
});

Deno.test("lines below the level are not written", async () => {
  const log = () => {
    for (const level of ["debug", "info", "warn", "error"] as const) logger("a")[level](level);
  };
  assert.equal((await linesOf({ level: "debug", format: "text" }, log)).length, 4);
  assert.equal((await linesOf({ level: "error", format: "text" }, log)).length, 1);
});

Deno.test("fields of a surrounding call are on every line, over awaits too", async () => {
  const lines = await linesOf({ level: "info", format: "text" }, async () => {
    await withLogFields({ session: "s1" }, async () => {
      await Promise.resolve();
      logger("relay").info("Inside");
    });
    logger("relay").info("Outside");
  });
  assert.ok(lines[0]?.endsWith("relay: Inside session=s1\n"));
  assert.ok(lines[1]?.endsWith("relay: Outside\n"));
});

Deno.test("fields of a surrounding call outlive another configuration", async () => {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  await using _log = await configureLog({ level: "info", format: "text", write });
  await withLogFields({ session: "s1" }, async () => {
    await configureLog({ level: "debug", format: "text", write });
    logger("relay").debug("Inside");
  });
  assert.match(lines.join(""), /relay: Inside session=s1\n$/);
});

Deno.test("nothing is written once the log is disposed of", async () => {
  const lines: string[] = [];
  {
    const write = (line: string) => lines.push(line);
    await using _log = await configureLog({ level: "info", format: "text", write });
    logger("a").info("Before");
  }
  logger("a").info("After");
  assert.equal(lines.length, 1);
});
