import assert from "node:assert/strict";
import { ClientLocation, type ClientPlace } from "./client_location.ts";

const TCP: ClientPlace = { client: { host: "192.0.2.1", port: 1 }, transport: "tcp" };
const UDP: ClientPlace = { client: { host: "192.0.2.1", port: 2 }, transport: "udp" };
const [OVER_TCP, OVER_UDP] = ["192.0.2.1:1 tcp", "192.0.2.1:2 udp"];
const UNKNOWN = new Map<number, never>();

/** Bits per second in lanes 1 and 2. */
function rates(...bits: readonly number[]) {
  return new Map(bits.map((bitsIn, index) => [index + 1, { bitsIn, bitsOut: 1 }]));
}

function current(location: ClientLocation): string {
  const { client, transport } = location.current!;
  return `${client} ${transport}`;
}

Deno.test("a client is nowhere before it has proved itself", () => {
  const location = new ClientLocation();
  location.told(1, UDP);
  assert.equal(location.moved(UNKNOWN), undefined);
  assert.equal(location.current, undefined);
});

Deno.test("a lane in which nothing flows any more leaves the client to the others", () => {
  const location = new ClientLocation();
  location.begin(TCP);
  location.told(2, UDP);
  assert.deepEqual(location.moved(UNKNOWN), { client: "192.0.2.1:2", transport: "udp" });
  // What flowed before the client moved is told late.
  location.told(1, TCP);
  assert.equal(location.moved(UNKNOWN)?.transport, "tcp");
  location.told(1, undefined);
  assert.equal(location.moved(UNKNOWN)?.transport, "udp");
  location.told(2, undefined);
  assert.equal(location.moved(UNKNOWN), undefined);
  assert.equal(current(location), OVER_UDP, "it stays where it was last");
});

Deno.test("a client is in the lane where most flows", () => {
  const location = new ClientLocation();
  location.begin(TCP);
  location.told(1, TCP);
  location.told(2, UDP);
  assert.equal(location.lanes, 2);
  assert.equal(location.moved(rates(20, 10)), undefined);
  assert.equal(current(location), OVER_TCP);
  assert.equal(location.moved(rates(20, 30))?.transport, "udp");
  assert.equal(location.moved(rates(20, 30)), undefined);
  location.told(1, TCP);
  assert.equal(location.moved(rates(20, 30)), undefined, "however late the other one tells");
  assert.equal(location.moved(rates(40, 30))?.transport, "tcp");
});
