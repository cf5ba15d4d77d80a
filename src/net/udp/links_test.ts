import assert from "node:assert/strict";
import { until } from "../../../tests/support/wait.ts";
import { UdpPeer } from "../../../tests/support/udp_peer.ts";
import { systemClock } from "../../core/clock.ts";
import { ProxyError } from "../../core/errors.ts";
import { EventLoop } from "../libc/event_loop.ts";
import { DenoEngine } from "./deno_engine.ts";
import { noDrops } from "./drops.ts";
import { isLibcKnown, type Libc, openLibc } from "./libc.ts";
import { LibcEngine } from "./libc_engine.ts";
import { LibcLinks } from "./libc_links.ts";
import { LinkIds } from "./link_ids.ts";
import type { UdpLink } from "./port.ts";

const ORIGIN = { host: "127.0.0.1", port: 9 };
const LISTEN = { clock: systemClock, listen: { host: "127.0.0.1", port: 0 }, tick: 1000 };

function isOverloaded(error: unknown): boolean {
  return error instanceof ProxyError && error.code === "overloaded";
}

function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

Deno.test("an id belongs to one link at a time, whatever fails", () => {
  const ids = new LinkIds(3);
  const fail = () => {
    throw new Error("on purpose");
  };
  assert.throws(() => ids.openWith(fail), /on purpose/);
  assert.deepEqual([1, 2, 3].map(() => ids.openWith((id) => id)), [0, 1, 2]);
  assert.throws(() => ids.openWith((id) => id), isOverloaded);
  ids.takeBack(1);
  for (let count = 0; count < 5; count++) assert.throws(() => ids.openWith(fail), /on purpose/);
  assert.equal(ids.openWith((id) => id), 1);
  assert.throws(() => ids.openWith((id) => id), isOverloaded);
});

Deno.test("deno: a socket that cannot be opened uses up no id", async () => {
  const engine = new DenoEngine({ ...LISTEN, maxLinks: 4 });
  const open = [1, 2, 3].map(() => engine.openLink(ORIGIN));
  open.shift()!.close();
  const real = Deno.listenDatagram;
  Object.assign(Deno, {
    listenDatagram: () => {
      throw Object.assign(new Error("Too many open files"), { code: "EMFILE" });
    },
  });
  try {
    for (let count = 0; count < 5; count++) {
      assert.throws(() => engine.openLink(ORIGIN), isOverloaded);
    }
  } finally {
    Object.assign(Deno, { listenDatagram: real });
  }
  open.push(engine.openLink(ORIGIN), engine.openLink(ORIGIN));
  assert.equal(new Set(open.map(({ id }) => id)).size, 4);
  assert.throws(() => engine.openLink(ORIGIN), isOverloaded);
  const running = engine.run({
    fromClient: () => undefined,
    fromOrigin: () => false,
    unreachable: () => {},
    tick: () => {},
  });
  engine.close();
  await running;
});

Deno.test("deno: a link whose socket fails affects only its origin", async () => {
  await using client = new UdpPeer();
  const engine = new DenoEngine({ ...LISTEN, maxLinks: 4 });
  const real = Deno.listenDatagram;
  const unreachable: UdpLink[] = [];
  const taken: number[] = [];
  const running = engine.run({
    fromClient: ({ buffer }) => void taken.push(buffer[0]!),
    fromOrigin: () => false,
    unreachable: (link) => void unreachable.push(link),
    tick: () => {},
  });
  Object.assign(Deno, {
    listenDatagram: (options: Deno.UdpListenOptions & { transport: "udp" }) => {
      const socket = real(options);
      socket.receive = () => Promise.reject(new Error("on purpose"));
      return socket;
    },
  });
  let broken: UdpLink;
  try {
    broken = engine.openLink(ORIGIN);
  } finally {
    Object.assign(Deno, { listenDatagram: real });
  }
  await until("the relay be told", () => unreachable.length === 1);
  assert.equal(unreachable[0], broken);
  await client.send(Uint8Array.of(7), engine.address.port);
  await until("the rest go on", () => taken.length === 1);
  engine.close();
  await running;
});

/** The C library with an epoll_ctl that can be made to fail. */
function breakable(libc: Libc): { readonly libc: Libc; isBroken: boolean } {
  const state = {
    isBroken: false,
    libc: {
      ...libc,
      epoll_ctl: (...args: Parameters<Libc["epoll_ctl"]>) => {
        return state.isBroken ? -1 : libc.epoll_ctl(...args);
      },
    },
  };
  return state;
}

Deno.test({
  name: "libc: a link that cannot be watched takes no id, and no descriptor, with it",
  ignore: !isLibcKnown,
  fn() {
    const library = openLibc();
    const state = breakable(library.symbols);
    const loop = new EventLoop(state.libc);
    const drops = noDrops();
    const links = new LibcLinks({ loop, family: 2, maxLinks: 3, drops, ready: () => {} });
    const before = openDescriptors();
    for (const link of [1, 2, 3].map(() => links.open(ORIGIN))) link.close();
    state.isBroken = true;
    for (let count = 0; count < 5; count++) assert.throws(() => links.open(ORIGIN), isOverloaded);
    state.isBroken = false;
    assert.equal(openDescriptors(), before);
    const open = [1, 2, 3].map(() => links.open(ORIGIN));
    assert.equal(new Set(open.map(({ id }) => id)).size, 3);
    assert.throws(() => links.open(ORIGIN), isOverloaded);
    links.closeAll();
    assert.equal(openDescriptors(), before);
    loop[Symbol.dispose]();
    library.close();
  },
});

Deno.test({
  name: "libc: an engine that cannot watch its own socket does not open, and leaves nothing open",
  ignore: !isLibcKnown,
  fn() {
    const library = openLibc();
    const state = breakable(library.symbols);
    const loop = new EventLoop(state.libc);
    const before = openDescriptors();
    state.isBroken = true;
    assert.throws(() => new LibcEngine(loop, { ...LISTEN, maxLinks: 3 }), /watch/);
    assert.equal(openDescriptors(), before);
    loop[Symbol.dispose]();
    library.close();
  },
});
