import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { knock } from "./knock.ts";
import { DenoTcpEngine } from "./deno/tcp_engine.ts";

const GREETING = new Uint8Array([3]);

/** Knocks at a listener that handles its one connection like this. */
async function knockAt(
  serve: (conn: Deno.TcpConn, clock: VirtualClock) => Promise<void>,
): Promise<boolean> {
  const clock = new VirtualClock();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname: host, port } = listener.addr;
  const served = listener.accept().then((conn) => serve(conn, clock));
  const answer = await knock(new DenoTcpEngine(clock), { host, port }, GREETING, 300);
  await served;
  return answer;
}

Deno.test("a program that sends something is alive", async () => {
  assert.equal(
    await knockAt(async (conn) => {
      using _conn = conn;
      await conn.read(new Uint8Array(1));
      await conn.write(new Uint8Array([3]));
    }),
    true,
  );
});

Deno.test("a program that accepts and closes is alive: it just has no room", async () => {
  assert.equal(await knockAt((conn) => Promise.resolve(conn.close())), true);
});

Deno.test("a program that accepts and stays silent is not alive", async () => {
  assert.equal(
    await knockAt(async (conn, clock) => {
      using _conn = conn;
      await conn.read(new Uint8Array(1));
      await clock.pass(300);
      while (await conn.read(new Uint8Array(16)).catch(() => null) !== null);
    }),
    false,
  );
});

Deno.test("a closed port is not alive", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname: host, port } = listener.addr;
  listener.close();
  assert.equal(
    await knock(new DenoTcpEngine(new VirtualClock()), { host, port }, GREETING, 300),
    false,
  );
});
