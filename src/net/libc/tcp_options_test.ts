import assert from "node:assert/strict";
import { openTcpEngine } from "../../../tests/support/tcp_engines.ts";
import { systemClock } from "../../core/clock.ts";
import * as c from "../udp/libc.ts";
import type { LibcConnection } from "./tcp_connection.ts";

const SECONDS = 100;

Deno.test({
  name: "libc: nothing waits for more, and a peer that has vanished is asked for within a minute",
  ignore: !c.isLibcKnown,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const engine = openTcpEngine(systemClock, stack, "libc");
    const listen = { host: "127.0.0.1", port: 0 };
    const listener = engine.listen({ name: "test", listen, reusePort: false });
    stack.defer(() => listener.close());
    const [accepted, dialled] = await Promise.all([
      listener.accept(),
      engine.dial(listener.address, { timeout: 5_000 }),
    ]);
    stack.use(accepted!);
    stack.use(dialled);
    for (const connection of [accepted, dialled]) {
      assert.equal(isDelayed(connection as LibcConnection), false);
    }
    const { port } = listener.address;
    for (const column of [1, 2]) {
      const timer = timerOf(column, port, accepted!.peer.port);
      // Kind 2 is keepalive, proc(5).
      assert.equal(timer.kind, 2);
      assert.ok(timer.seconds > 50 && timer.seconds <= 60, `${timer.seconds} s`);
    }
  },
});

/** Whether small pieces wait for earlier ones to be acknowledged, as they do unless TCP_NODELAY is set. */
function isDelayed({ fd }: LibcConnection): boolean {
  const library = c.openLibc();
  const value = new Int32Array(1);
  const length = new Uint8Array(Int32Array.of(4).buffer);
  const bytes = new Uint8Array(value.buffer);
  const result = library.symbols.getsockopt(fd, c.IPPROTO_TCP, c.TCP_NODELAY, bytes, length);
  library.close();
  assert.equal(result, 0);
  return value[0] === 0;
}

/** The timer of the established connection with this port in that column and the other one in the other. */
function timerOf(column: number, port: number, other: number) {
  const hex = (number: number) => number.toString(16).toUpperCase().padStart(4, "0");
  const ends = column === 1 ? [port, other] : [other, port];
  const lines = Deno.readTextFileSync("/proc/net/tcp").split("\n").map((line) => {
    return line.trim().split(/\s+/);
  });
  const fields = lines.find(([, local, remote]) => {
    return local?.endsWith(`:${hex(ends[0]!)}`) && remote?.endsWith(`:${hex(ends[1]!)}`);
  });
  const [kind, when] = fields![5]!.split(":").map((text) => parseInt(text, 16));
  return { kind, seconds: when! / SECONDS };
}
