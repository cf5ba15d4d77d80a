import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { LineOutlet } from "./line_outlet.ts";

/** A stream whose reader takes bytes when told to. */
class SlowStream {
  /** Most bytes taken per write. */
  most = Infinity;
  #taken: number[] = [];
  #next = Promise.withResolvers<void>();
  #error: Error | undefined;

  readonly write = async (bytes: Uint8Array): Promise<number> => {
    await this.#next.promise;
    if (this.#error !== undefined) throw this.#error;
    const taken = bytes.subarray(0, this.most);
    this.#taken.push(...taken);
    return taken.length;
  };

  get text(): string {
    return new TextDecoder().decode(Uint8Array.from(this.#taken));
  }

  /** From now on everything is taken. */
  flow(): void {
    this.#error = undefined;
    this.#next.resolve();
  }

  /** From now on every write fails. */
  fail(error: Error): void {
    this.#error = error;
    this.#next.resolve();
  }
}

const LINE = "x".repeat(99);

Deno.test("lines are written in order, even if a write takes only part", async () => {
  const clock = new VirtualClock();
  const stream = new SlowStream();
  stream.most = 3;
  stream.flow();
  const outlet = new LineOutlet({ write: stream.write, capacity: 1000, clock });
  for (const line of ["one", "two", "Ünf"]) outlet.push(line);
  await outlet.flush(10_000);
  assert.equal(stream.text, "one\ntwo\nÜnf\n");
  outlet.push("four");
  await outlet.flush(10_000);
  assert.equal(stream.text, "one\ntwo\nÜnf\nfour\n");
  assert.equal(outlet.lost, 0);
});

Deno.test("pushing never waits; lines that do not fit are lost, and that is reported in their place", async () => {
  const clock = new VirtualClock();
  const stream = new SlowStream();
  const outlet: LineOutlet = new LineOutlet({
    write: stream.write,
    ...{ capacity: 1000, clock },
    onRoom: (lost) => outlet.push(`${lost} lost`),
  });
  for (let line = 0; line < 10; line++) outlet.push(LINE);
  for (let line = 0; line < 5; line++) outlet.push("too much");
  assert.equal(outlet.lost, 5);
  const flushed = outlet.flush(10);
  await clock.pass(10);
  await flushed;
  assert.equal(stream.text, "");
  stream.flow();
  await outlet.flush(10_000);
  outlet.push("after");
  await outlet.flush(10_000);
  assert.equal(stream.text, `${`${LINE}\n`.repeat(10)}5 lost\nafter\n`);
  assert.equal(outlet.lost, 5);
});

Deno.test("a line that could never fit is lost and delays nothing", async () => {
  const clock = new VirtualClock();
  const stream = new SlowStream();
  stream.flow();
  const told: number[] = [];
  const { write } = stream;
  const onRoom = (lost: number) => told.push(lost);
  const outlet = new LineOutlet({ write, capacity: 100, clock, onRoom });
  outlet.push("x".repeat(200));
  outlet.push("a");
  outlet.push("x".repeat(200));
  await outlet.flush(10_000);
  outlet.push("b");
  await outlet.flush(10_000);
  assert.equal(stream.text, "a\nb\n");
  assert.deepEqual(told, [1, 1]);
});

Deno.test("a stream that is full gets the rest later", async () => {
  const clock = new VirtualClock();
  const stream = new SlowStream();
  const outlet = new LineOutlet({ write: stream.write, capacity: 1000, clock });
  outlet.push("a");
  stream.fail(new Deno.errors.WouldBlock("full"));
  await clock.pass(40);
  stream.flow();
  await clock.pass(9);
  assert.equal(stream.text, "");
  await clock.pass(1);
  assert.equal(stream.text, "a\n");
  assert.equal(outlet.lost, 0);
});

Deno.test("a stream without a reader costs its lines and nothing else", async () => {
  const clock = new VirtualClock();
  const stream = new SlowStream();
  const outlet = new LineOutlet({ write: stream.write, capacity: 1000, clock });
  stream.fail(new Deno.errors.BrokenPipe("gone"));
  outlet.push("a");
  outlet.push("b");
  await clock.pass(1_000);
  assert.equal(outlet.lost, 2);
});
