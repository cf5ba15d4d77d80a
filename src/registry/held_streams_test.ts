import assert from "node:assert/strict";
import { HeldStreams } from "./held_streams.ts";
import type { StreamLease, StreamRecord } from "./store.ts";

const STREAM = "v/a/s";

/** The bookkeeping, and all its writes, as text. */
function open(): { held: HeldStreams; written: string[] } {
  const written: string[] = [];
  const held = new HeldStreams({
    claimant: "me",
    unconfirmedTtl: 15,
    idleTtl: 60,
    liveTtl: 15,
    writer: {
      renew: (lease) => written.push(describe(lease)),
      forget: (stream, origin) => written.push(`forget ${stream} ${origin}`),
    },
  });
  return { held, written };
}

function describe({ stream, origin, confirmed, ttl, live }: StreamLease): string {
  return `renew ${stream} ${origin} ${confirmed} ${ttl}${live === "none" ? "" : ` ${live}`}`;
}

function mapping(origin: string, more: Partial<StreamRecord> = {}): StreamRecord {
  const nobody = { claimant: "me", confirmed: false, publisher: "", epoch: 1 };
  return { stream: STREAM, origin, ...nobody, ...more };
}

function place(held: HeldStreams, session: string, record: StreamRecord): void {
  held.begin(session, record.stream, session.startsWith("publisher"));
  held.place(session, record);
  held.finish(record.stream);
}

Deno.test("nothing is kept of ended sessions, whatever happened in them", () => {
  const { held } = open();
  place(held, "vain", mapping("a"));
  place(held, "served", mapping("a"));
  held.confirm("served");
  held.begin("gone", STREAM, false);
  held.end("gone");
  held.finish(STREAM);
  assert.equal(held.size, 1);
  held.end("vain");
  held.end("served");
  assert.equal(held.size, 0);
  assert.deepEqual([...held.leases(10)], []);
});

Deno.test("the mapping of a session that was not served is forgotten", () => {
  const { held, written } = open();
  place(held, "s1", mapping("a"));
  held.end("s1");
  assert.deepEqual(written, [`forget ${STREAM} a`]);
});

Deno.test("a served session confirms at once and leaves the idle time behind", () => {
  const { held, written } = open();
  place(held, "s1", mapping("a"));
  held.confirm("s1");
  held.confirm("s1");
  assert.deepEqual(written.splice(0), [`renew ${STREAM} a true 60`]);
  held.end("s1");
  assert.deepEqual(written, [`renew ${STREAM} a true 60`]);
});

Deno.test("a mapping of another registry, or confirmed before, is not ours to forget", () => {
  for (const record of [mapping("a", { claimant: "" }), mapping("a", { confirmed: true })]) {
    const { held, written } = open();
    place(held, "s1", record);
    held.end("s1");
    assert.deepEqual(written, []);
  }
});

Deno.test("a mapping is not forgotten while a request for it is in progress", () => {
  const { held, written } = open();
  place(held, "s1", mapping("a"));
  held.begin("s2", STREAM, false);
  held.end("s1");
  assert.deepEqual(written, []);
  held.finish(STREAM);
  assert.deepEqual(written, [`forget ${STREAM} a`]);
});

Deno.test("after a failed move the mapping goes back, and is forgotten if that fails too", () => {
  const { held, written } = open();
  place(held, "s1", mapping("a"));
  place(held, "s2", mapping("a"));
  place(held, "s2", mapping("b"));
  held.end("s2");
  assert.deepEqual(written.splice(0), [`forget ${STREAM} b`, `renew ${STREAM} a false 15`]);
  held.end("s1");
  assert.deepEqual(written, [`forget ${STREAM} a`]);
});

Deno.test("a stream runs at an origin while a confirmed session is there", () => {
  const { held } = open();
  place(held, "s1", mapping("a"));
  place(held, "s2", mapping("a"));
  assert.equal(held.isRunning(STREAM, "a"), false);
  held.confirm("s1");
  assert.equal(held.isRunning(STREAM, "a"), true);
  assert.equal(held.isRunning(STREAM, "b"), false);
  held.end("s1");
  assert.equal(held.isRunning(STREAM, "a"), false);
});

Deno.test("each stream in use has one lease for each origin that serves it", () => {
  const { held } = open();
  place(held, "s1", mapping("a"));
  place(held, "s2", mapping("a"));
  held.confirm("s2");
  place(held, "s3", mapping("b"));
  place(held, "s4", mapping("a", { stream: "other" }));
  assert.deepEqual([...held.leases(1)].flat().map(describe), [
    `renew ${STREAM} a true 60`,
    `renew ${STREAM} b false 15`,
    "renew other a false 15",
  ]);
});

Deno.test("a publisher asks to be live, is live while it runs, and reports its end", () => {
  const { held, written } = open();
  place(held, "publisher", mapping("a"));
  place(held, "viewer", mapping("a"));
  const lease = held.confirm("publisher");
  assert.equal(lease && describe(lease), `renew ${STREAM} a true 60 runs`);
  held.confirm("viewer");
  assert.deepEqual(written, []);
  assert.equal(held.isLive(STREAM, "a"), true);
  assert.deepEqual([...held.leases(10)].flat().map(describe), [`renew ${STREAM} a true 60 runs`]);
  held.end("publisher");
  assert.deepEqual(written, [`renew ${STREAM} a true 60 ended`]);
  assert.deepEqual([...held.leases(10)].flat().map(describe), [`renew ${STREAM} a true 60`]);
});

Deno.test("the end of one of two publishers is not reported", () => {
  const { held, written } = open();
  place(held, "publisher 1", mapping("a"));
  place(held, "publisher 2", mapping("a"));
  held.confirm("publisher 1");
  held.confirm("publisher 2");
  held.end("publisher 1");
  assert.deepEqual(written, []);
  held.end("publisher 2");
  assert.deepEqual(written, [`renew ${STREAM} a true 60 ended`]);
});

Deno.test("a denied publisher does not count as one", () => {
  const { held, written } = open();
  place(held, "publisher", mapping("a"));
  held.confirm("publisher");
  held.deny("publisher");
  assert.equal(held.isLive(STREAM, "a"), false);
  held.end("publisher");
  assert.deepEqual(written, []);
  assert.equal(held.size, 0);
});

Deno.test("a lease has the epoch of the mapping on which its sessions rely", () => {
  const { held } = open();
  place(held, "s1", mapping("a", { epoch: 7 }));
  place(held, "s2", mapping("a", { epoch: 9 }));
  place(held, "s3", mapping("a", { epoch: 8 }));
  assert.deepEqual([...held.leases(10)].flat().map(({ epoch }) => epoch), [9]);
});
