import assert from "node:assert/strict";
import { findBusyPorts } from "./busy_ports.ts";

Deno.test("every port in use is reported with what wanted it, TCP and UDP separately", () => {
  using tcp = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using udp = new DisposableSocket();
  const at = (port: number) => ({ host: "127.0.0.1", port });
  const lines = findBusyPorts([
    { name: "RTMP", transport: "tcp", listen: at(tcp.addr.port) },
    { name: "HTTP API", transport: "tcp", listen: at(0) },
    { name: "SRT", transport: "udp", listen: at(udp.port) },
    { name: "WebRTC", transport: "udp", listen: at(0) },
  ]);
  assert.equal(lines.length, 2);
  assert.match(lines[0]!, new RegExp(`^Cannot listen for RTMP on 127.0.0.1:${tcp.addr.port}: `));
  assert.match(lines[1]!, new RegExp(`^Cannot listen for SRT on 127.0.0.1:${udp.port}: `));
});

class DisposableSocket implements Disposable {
  readonly #socket = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  readonly port = (this.#socket.addr as Deno.NetAddr).port;

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
