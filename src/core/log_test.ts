import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { configureLog, type LogFormat, logger, type LogLevel } from "./log.ts";

async function linesOf(
  options: { level: LogLevel; format: LogFormat },
  log: () => void | Promise<void>,
): Promise<string[]> {
  const lines: string[] = [];
  await using _log = await configureLog({ ...options, write: (line) => lines.push(line) });
  await log();
  return lines;
}

Deno.test("a JSON line contains the constant message and flat fields", async () => {
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

Deno.test("a JSON line contains an error with its cause", async () => {
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

Deno.test("no value controls a terminal, reverses text or ends a line, in text or JSON", async () => {
  const hidden = [0x7f, 0x80, 0x9b, 0x200e, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069, 0xfeff];
  for (const format of ["text", "json"] as const) {
    for (const code of hidden) {
      const character = String.fromCharCode(code);
      const lines = await linesOf({ level: "info", format }, () => {
        logger("relay").info("Session opened", {
          stream: `a${character}b`,
          error: new Error(`c${character}d`),
          list: [character],
        });
      });
      const escape = `\\u${code.toString(16).padStart(4, "0")}`;
      assert.ok(!lines[0]!.includes(character), `${format} ${escape} is raw`);
      assert.ok(lines[0]!.includes(`a${escape}b`), lines[0]);
      if (format === "json") assert.equal(JSON.parse(lines[0]!).stream, `a${character}b`);
    }
  }
});

Deno.test("half a character, and a tag beyond the first plane, are escaped", async () => {
  const lines = await linesOf({ level: "info", format: "text" }, () => {
    logger("relay").info("Session opened", { half: "\ud800", tag: "\u{e0041}", letter: "ä" });
  });
  assert.match(lines[0]!, / half="\\ud800" tag="\\udb40\\udc41" letter="ä"\n$/);
});

Deno.test("a value of any length makes a short line", async () => {
  for (const format of ["text", "json"] as const) {
    const lines = await linesOf({ level: "info", format }, () => {
      logger("relay").info("Session refused", { reason: "x".repeat(100_000), number: 1 });
    });
    assert.ok(lines[0]!.length < 1_300, `${lines[0]!.length}`);
    assert.match(lines[0]!, /number"?[=:]1/);
  }
});

Deno.test("failures of one kind are logged once, then counted, and the last count at the end", async () => {
  const lines = await linesOf({ level: "info", format: "json" }, () => {
    for (let client = 0; client < 1_000; client++) {
      const stream = `v/a/${client}`;
      const code = client % 2 === 0 ? "no_origin" : "bad_request";
      logger("session").warn("Session refused", { protocol: "rtmp", stream, code, reason: "No" });
      logger("session").info("Session opened", { protocol: "rtmp", stream });
    }
  });
  const told = lines.map((line) => JSON.parse(line)).filter(({ code }) => code !== undefined);
  assert.deepEqual(told.map(({ code, stream, repeated }) => [code, stream, repeated]), [
    ["no_origin", "v/a/0", undefined],
    ["bad_request", "v/a/1", undefined],
    ["no_origin", "v/a/998", 499],
    ["bad_request", "v/a/999", 499],
  ]);
  assert.equal(lines.length, 4 + 1_000);
});

Deno.test("counts are reported periodically, and a failure after a pause is news again", async () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line.replace(/^\S+ /, ""));
  const clock = new VirtualClock();
  await using _log = await configureLog({ level: "info", format: "text", write, clock });
  const fail = () => logger("app").error("Unexpected error", { error: new Error("x") });
  const line = 'ERROR app: Unexpected error error="Error: x"';
  fail();
  fail();
  fail();
  await clock.pass(10_000);
  assert.deepEqual(lines, [`${line}\n`, `${line} repeated=2\n`]);
  await clock.pass(10_000);
  fail();
  assert.deepEqual(lines.slice(2), [`${line}\n`]);
});

Deno.test("another level applies at once", async () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  await using log = await configureLog({ level: "info", format: "text", write });
  logger("relay").debug("Before");
  await log.setLevel("debug");
  logger("relay").debug("After");
  assert.match(lines.join(""), /relay: After\n$/);
  assert.equal(lines.length, 1);
});
