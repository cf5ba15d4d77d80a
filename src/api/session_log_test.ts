import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import { configureLog } from "../core/log.ts";
import { LiveSessions, type SessionPage } from "./session_log.ts";

interface Line {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

const OPENED = {
  session: "s1",
  protocol: "rtmp",
  intent: "publish",
  stream: "v/a/s",
  origin: "a",
  client: "10.0.0.1:5000",
} as const;
const CLOSED = { session: "s1", reason: "client closed", bytesIn: 10, bytesOut: 20 };

/** Runs with a clock that stands still at the time in `at`, and returns what was logged. */
async function linesOf(
  run: (sessions: LiveSessions, at: (now: number) => void) => void,
  capacity = 10,
): Promise<Line[]> {
  const lines: Line[] = [];
  let now = 0;
  await using _log = await configureLog({
    level: "info",
    format: "json",
    write: (line) => lines.push(JSON.parse(line)),
  });
  run(new LiveSessions({ capacity, clock: { now: () => now } }), (moment) => {
    now = moment;
  });
  return lines;
}

/** The line without the fields that every line has. */
function fieldsOf(line: Line | undefined): Record<string, unknown> {
  assert.ok(line);
  const { "@timestamp": _time, level: _level, logger: _logger, message: _message, ...rest } = line;
  return rest;
}

Deno.test("a session makes one line when it opens and one when it closes", async () => {
  const lines = await linesOf((sessions, at) => {
    at(1_000);
    sessions.opened(OPENED);
    at(3_500.4);
    sessions.closed(CLOSED);
  });
  assert.deepEqual(lines.map(({ message }) => message), ["Session opened", "Session closed"]);
  assert.deepEqual(fieldsOf(lines[0]), OPENED);
  assert.deepEqual(fieldsOf(lines[1]), { ...OPENED, ...CLOSED, durationMs: 2_500 });
});

Deno.test("a client that moves is listed, logged and closed at its new address", async () => {
  const after = { client: "10.0.0.2:6000", transport: "udp" } as const;
  const lines = await linesOf((sessions) => {
    sessions.opened({ ...OPENED, transport: "tcp" });
    sessions.moved({ session: "s1", ...after });
    const [listed] = sessions.list({ limit: 1, client: "10.0.0.2" }).sessions;
    assert.deepEqual([listed?.client, listed?.transport], [after.client, after.transport]);
    sessions.moved({ session: "unknown", ...after });
    sessions.closed(CLOSED);
    assert.equal(sessions.size, 0);
  });
  assert.deepEqual(fieldsOf(lines[1]), { session: "s1", ...after });
  assert.deepEqual(fieldsOf(lines[3]), { ...OPENED, ...after, ...CLOSED, durationMs: 0 });
});

Deno.test("the list shows the figures as last reported, and the log those at the end", async () => {
  const lines = await linesOf((sessions) => {
    const flowedOf = () => sessions.list({ limit: 1 }).sessions[0]?.flowed;
    sessions.opened(OPENED);
    assert.deepEqual(flowedOf(), { bytesIn: 0, bytesOut: 0, bitsIn: 0, bitsOut: 0 });
    const flowed = { bytesIn: 5, bytesOut: 6, bitsIn: 7, bitsOut: 8 };
    sessions.flowed({ session: "s1", flowed });
    assert.deepEqual(flowedOf(), flowed);
    sessions.closed(CLOSED);
    sessions.flowed({ session: "s1", flowed });
    assert.equal(flowedOf(), undefined);
  });
  assert.deepEqual(fieldsOf(lines[1]), { ...OPENED, ...CLOSED, durationMs: 0 });
});

Deno.test("open sessions are listed, oldest first, and closed ones are not", async () => {
  await linesOf((sessions) => {
    for (const session of ["s1", "s2", "s3"]) sessions.opened({ ...OPENED, session });
    sessions.closed({ ...CLOSED, session: "s2" });
    assert.deepEqual(idsOf(sessions.list({ limit: 10 })), ["s1", "s3"]);
    assert.equal(sessions.size, 2);
  });
});

Deno.test("the list of sessions continues where it was, whichever have closed", async () => {
  await linesOf((sessions) => {
    for (const session of ["s1", "s2", "s3", "s4"]) sessions.opened({ ...OPENED, session });
    const first = sessions.list({ limit: 2 });
    assert.deepEqual(idsOf(first), ["s1", "s2"]);
    const after = first.next;
    assert.ok(after);
    for (const session of ["s1", "s2", "s3"]) sessions.closed({ ...CLOSED, session });
    sessions.opened({ ...OPENED, session: "s5" });
    const second = sessions.list({ limit: 1, after });
    assert.deepEqual(idsOf(second), ["s4"]);
    assert.ok(second.next);
    const last = sessions.list({ limit: 1, after: second.next });
    assert.deepEqual([idsOf(last), last.next], [["s5"], undefined]);
    for (const after of ["s2", "-1", "1.5"]) {
      assert.throws(() => sessions.list({ limit: 1, after }), { code: "bad_request" });
    }
  });
});

function idsOf({ sessions }: SessionPage): string[] {
  return sessions.map(({ session }) => session);
}

Deno.test("sessions beyond the bound are logged but not listed", async () => {
  const lines = await linesOf((sessions) => {
    for (const session of ["s1", "s2", "s3"]) sessions.opened({ ...OPENED, session });
    assert.equal(sessions.size, 2);
    for (const session of ["s1", "s2", "s3"]) sessions.closed({ ...CLOSED, session });
    assert.equal(sessions.size, 0);
  }, 2);
  assert.equal(lines.length, 6);
  assert.deepEqual(fieldsOf(lines[5]), { ...CLOSED, session: "s3" });
});

Deno.test("a refusal names the origins that were tried, and why each failed", async () => {
  const { origin: _origin, ...request } = OPENED;
  const lines = await linesOf((sessions) => {
    const error = new ProxyError("origin_timeout", "Cannot do it");
    sessions.refused({ ...request, error, tried: [] });
    const tried = [
      { origin: "vid-1", code: "origin_unreachable" },
      { origin: "vid-2", code: "origin_timeout" },
    ] as const;
    sessions.refused({ ...request, error, tried });
  });
  assert.equal(fieldsOf(lines[0]).session, request.session);
  assert.ok(!("tried" in fieldsOf(lines[0])));
  assert.equal(fieldsOf(lines[1]).tried, "vid-1 origin_unreachable, vid-2 origin_timeout");
});

Deno.test("the cause decides the level of a refusal", async () => {
  const { session: _session, origin: _origin, ...request } = OPENED;
  const lines = await linesOf((sessions) => {
    for (const code of ["bad_request", "origin_timeout", "no_origin", "internal"] as const) {
      sessions.refused({ ...request, error: new ProxyError(code, "Cannot do it") });
    }
    const cause = "192.0.2.1 refused";
    sessions.refused({ ...request, error: new ProxyError("origin_refused", "No", { cause }) });
  });
  assert.deepEqual(lines.map(({ level }) => level), ["INFO", "WARN", "ERROR", "ERROR", "WARN"]);
  const reason = { code: "bad_request", reason: "Cannot do it" };
  assert.deepEqual(fieldsOf(lines[0]), { ...request, ...reason });
  assert.equal(fieldsOf(lines[4]).cause, "192.0.2.1 refused");
});
