// The TCP engines for tests of relays: Deno's sockets, and the C library's in this thread, whose
// loop lets everything else run in between.

import type { Clock } from "../../src/core/clock.ts";
import { DenoTcpEngine } from "../../src/net/deno/tcp_engine.ts";
import type { TcpEngine } from "../../src/net/engine.ts";
import { EventLoop } from "../../src/net/libc/event_loop.ts";
import { LibcTcpEngine } from "../../src/net/libc/tcp_engine.ts";
import { openLibc } from "../../src/net/udp/libc.ts";

/** Opens the engine of this test run; it is closed with the stack. */
export function openTcpEngine(
  clock: Clock,
  stack: AsyncDisposableStack,
  kind = Deno.env.get("TEST_TCP_ENGINE") ?? "deno",
): TcpEngine {
  if (kind === "deno") return new DenoTcpEngine(clock);
  const library = openLibc();
  const loop = new EventLoop(library.symbols);
  const running = loop.run({ blocks: false });
  stack.defer(async () => {
    loop.stop();
    await running;
    loop[Symbol.dispose]();
    library.close();
  });
  return new LibcTcpEngine(loop, clock);
}
