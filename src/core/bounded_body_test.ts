import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { ProxyError } from "./errors.ts";
import { readBoundedBytes, readBoundedText } from "./bounded_body.ts";
import { MemoryBudget } from "./memory_budget.ts";

const BOUNDS = { limit: 100, deadline: 10_000, clock: new VirtualClock() };

function request(body: BodyInit, headers: HeadersInit = {}): Request {
  return new Request("http://127.0.0.1/", { method: "POST", body, headers });
}

function streamOf(pull: (controller: ReadableStreamDefaultController<Uint8Array>) => void): {
  body: ReadableStream<Uint8Array>;
  cancelled: () => boolean;
} {
  let cancelled = false;
  const cancel = () => {
    cancelled = true;
  };
  const body = new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 });
  return { body, cancelled: () => cancelled };
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ProxyError && error.code === code;
}

Deno.test("a body is read to its end, characters split over chunks included", async () => {
  const bytes = new TextEncoder().encode("größe 密");
  const chunks = [...bytes].map((byte) => Uint8Array.of(byte));
  const { body } = streamOf((controller) => {
    const chunk = chunks.shift();
    if (chunk) controller.enqueue(chunk);
    else controller.close();
  });
  assert.equal(await readBoundedText(request(body), BOUNDS), "größe 密");
});

Deno.test("a body of just the limit is read, none at all is empty", async () => {
  assert.equal(await readBoundedText(request("x".repeat(100)), BOUNDS), "x".repeat(100));
  assert.equal(await readBoundedText(new Request("http://127.0.0.1/"), BOUNDS), "");
});

const MEBIBYTE = 1024 * 1024;

Deno.test("a body that is too long is read to its end, so that its sender hears why", async () => {
  let left = 10;
  const { body } = streamOf((controller) => {
    controller.enqueue(new Uint8Array(MEBIBYTE));
    if (--left === 0) controller.close();
  });
  await assert.rejects(readBoundedText(request(body), BOUNDS), hasCode("too_large"));
  assert.equal(left, 0);
});

Deno.test("an endless body is given up eventually", async () => {
  let pulled = 0;
  const { body, cancelled } = streamOf((controller) => {
    pulled++;
    controller.enqueue(new Uint8Array(MEBIBYTE));
  });
  await assert.rejects(readBoundedText(request(body), BOUNDS), hasCode("too_large"));
  assert.equal(pulled, 17);
  assert.equal(cancelled(), true);
});

Deno.test("a body that is announced as much too long is not read at all", async () => {
  let pulled = 0;
  const { body } = streamOf((controller) => {
    pulled++;
    controller.enqueue(new Uint8Array(1));
  });
  const announced = request(body, { "content-length": String(17 * MEBIBYTE) });
  await assert.rejects(readBoundedText(announced, BOUNDS), hasCode("too_large"));
  assert.equal(pulled, 0);
});

Deno.test("a sender that stops sending is not waited for", async () => {
  let sent = false;
  const { body, cancelled } = streamOf((controller) => {
    if (sent) return;
    sent = true;
    controller.enqueue(new Uint8Array(1));
  });
  const clock = new VirtualClock();
  const reading = readBoundedText(request(body), { ...BOUNDS, clock });
  const isLate = assert.rejects(reading, hasCode("timeout"));
  await clock.pass(9_999);
  assert.equal(cancelled(), false);
  await clock.pass(1);
  await isLate;
  assert.equal(cancelled(), true);
});

Deno.test("a sender that breaks off is told apart from one that sends nonsense", async () => {
  const { body } = streamOf((controller) => controller.error(new Error("connection reset")));
  await assert.rejects(readBoundedText(request(body), BOUNDS), hasCode("client_gone"));
});

/** A body that arrives one byte at a time. */
function dripping(length: number): ReadableStream<Uint8Array> {
  let left = length;
  return streamOf((controller) => {
    if (left-- > 0) controller.enqueue(Uint8Array.of(left));
    else controller.close();
  }).body;
}

Deno.test("a body in single bytes arrives complete, in one buffer within the limit", async () => {
  const length = 60_000;
  const bounds = { ...BOUNDS, limit: 65_536 };
  const bytes = await readBoundedBytes(request(dripping(length)), bounds);
  assert.equal(bytes.length, length);
  assert.ok(bytes.buffer.byteLength <= 65_536, "one buffer within the limit");
  assert.deepEqual([...bytes.subarray(0, 3)], [95, 94, 93]);
});

Deno.test("the memory of bodies is taken as they come, and is bounded for all together", async () => {
  const limits = { perConnection: 100_000, perAddress: 5_000, total: 100_000 };
  const budget = new MemoryBudget(() => limits);
  const bounds = { ...BOUNDS, limit: 65_536 };
  {
    using memory = budget.open("a");
    await readBoundedBytes(request(dripping(10)), { ...bounds, memory });
    assert.ok(budget.taken <= 1_024, "what is announced or allowed counts for nothing");
    using more = budget.open("a");
    const reading = readBoundedBytes(request(dripping(6_000)), { ...bounds, memory: more });
    await assert.rejects(reading, hasCode("overloaded"));
    using other = budget.open("b");
    await readBoundedBytes(request(dripping(100)), { ...bounds, memory: other });
  }
  assert.equal(budget.taken, 0);
});
