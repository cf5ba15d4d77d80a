import assert from "node:assert/strict";
import { TempFolder } from "../../tests/support/temp_folder.ts";
import { encodeUnixAddress, NotifySocket } from "./sd_notify.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("addresses of sockets with and without a file", () => {
  assert.deepEqual([...encodeUnixAddress("/a")], [1, 0, 0x2f, 0x61, 0]);
  assert.deepEqual([...encodeUnixAddress("@a")], [1, 0, 0, 0x61]);
  assert.equal(encodeUnixAddress(`/${"a".repeat(106)}`).length, 110);
  for (const bad of ["", "a", "@", "/", "vsock:1:2", `/${"a".repeat(107)}`]) {
    assert.throws(() => encodeUnixAddress(bad), /Cannot use/, bad);
  }
});

Deno.test({
  name: "fields arrive as lines in one datagram, and no value can forge another field",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using folder = new TempFolder();
    const path = folder.file("notify");
    using receiver = closing(Deno.listenDatagram({ transport: "unixpacket", path }));
    using socket = new NotifySocket(path);
    assert.ok(socket.send({ READY: "1", STATUS: "a\nWATCHDOG=trigger" }));
    const [datagram] = await receiver.socket.receive();
    assert.equal(text(datagram), "READY=1\nSTATUS=a WATCHDOG=trigger\n");
    const before = socket.monotonicMicroseconds();
    assert.ok(before > 0n && before <= socket.monotonicMicroseconds());
  },
});

Deno.test({
  name: "values are cut to what a service manager takes, characters are not",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using folder = new TempFolder();
    const path = folder.file("notify");
    using receiver = closing(Deno.listenDatagram({ transport: "unixpacket", path }));
    using socket = new NotifySocket(path);
    assert.ok(socket.send({ READY: "1", STATUS: `a${"\u{1f600}".repeat(5_000)}` }));
    const [datagram] = await receiver.socket.receive(new Uint8Array(65_536));
    // systemd ignores a datagram of more than PIPE_BUF bytes.
    assert.ok(datagram.length < 4_096, String(datagram.length));
    assert.match(text(datagram), /^READY=1\nSTATUS=a(?:\u{1f600})+…\n$/u);
  },
});

Deno.test({
  name: "nobody at the other end is no reason to fail",
  ignore: Deno.build.os !== "linux",
  fn() {
    using socket = new NotifySocket("/nowhere/notify");
    assert.equal(socket.send({ READY: "1" }), false);
  },
});

function closing(socket: Deno.DatagramConn): Disposable & { readonly socket: Deno.DatagramConn } {
  return { socket, [Symbol.dispose]: () => socket.close() };
}
