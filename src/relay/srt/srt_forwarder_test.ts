// Cases that real sockets cannot produce on demand: hosts that refuse (ICMP), a blocked thread, a
// temporary shortage of sockets.

import assert from "node:assert/strict";
import {
  datagramOf,
  ManualEngine,
  type ManualLink,
  RecordingEngine,
} from "../../../tests/support/manual_engine.ts";
import { assertNothingKept } from "../../../tests/support/memory.ts";
import { srtConclusion, srtHandshake, srtInduction } from "../../../tests/support/srt_packets.ts";
import { LocalTally } from "../../core/tally.ts";
import type { Address } from "../../core/address.ts";
import { parseHandshake } from "../../protocol/srt/handshake.ts";
import { encodeShutdown } from "../../protocol/srt/packet.ts";
import { Cookies } from "./cookies.ts";
import { SrtForwarder } from "./srt_forwarder.ts";
import type { SrtReport } from "./srt_messages.ts";

const CLIENT: Address = { host: "192.0.2.1", port: 4711 };
const CALLER = 5;

function addresses(count: number): Address[] {
  return Array.from({ length: count }, (_, index) => ({ host: "192.0.2.9", port: 9000 + index }));
}

function keepAlive(socket: number): Uint8Array {
  return encodeShutdown(socket).with(1, 1);
}

/** A forwarder, and a caller that it has reported. */
class World {
  readonly udp = new RecordingEngine(20);
  readonly reports: SrtReport[] = [];
  readonly forwarder: SrtForwarder;

  constructor() {
    const limits = { maxSessions: 10, maxSessionsPerAddress: 10, idleTimeout: 10_000 };
    this.forwarder = new SrtForwarder({
      init: () => ({
        ...limits,
        lanes: 1,
        maxKeyMaterial: 0,
        defaultStreamId: "",
        cookieKey: new Uint8Array(16),
      }),
      engine: this.udp,
      tallies: { sessions: new LocalTally(), sockets: new LocalTally() },
      report: (report) => void this.reports.push(report),
      cookies: new Cookies(new Uint8Array(16)),
      wallTime: Date.now,
    });
    this.fromClient(srtInduction(CALLER));
    const { cookie } = this.said();
    const streamId = "#!::r=live/show,m=publish";
    this.fromClient(srtConclusion({ socketId: CALLER, cookie, streamId }));
    assert.equal(this.reports[0]!.type, "wanted");
  }

  /** Answers as the main thread does when it has found an origin. */
  offer(count: number): void {
    this.forwarder.command({ type: "origin", call: 1, addresses: addresses(count) });
  }

  fromClient(packet: Uint8Array): void {
    this.forwarder.fromClient(datagramOf(packet, CLIENT));
  }

  fromOrigin(link: ManualLink, fields: Partial<Parameters<typeof srtHandshake>[0]>): void {
    const answer = srtHandshake({ type: 1, socketId: 1, destination: CALLER, ...fields });
    this.forwarder.fromOrigin(link, datagramOf(answer));
  }

  answerInduction(link: ManualLink): void {
    this.fromOrigin(link, { extensionField: 0x4a17, cookie: 9 });
  }

  /** Lets time pass, tick by tick. */
  pass(milliseconds: number): void {
    for (let left = milliseconds; left > 0; left -= 50) this.leap(50);
  }

  /** Makes one tick, that much later. */
  leap(milliseconds: number): void {
    this.udp.time += milliseconds;
    this.forwarder.tick(this.udp.time);
  }

  /** The last packet sent to the client. */
  said() {
    return parseHandshake(this.udp.toClients.at(-1)!.subarray(0, 64));
  }

  types(): string[] {
    return this.reports.map(({ type }) => type).filter((type) => type !== "moved");
  }
}

function typesOf(link: ManualLink): number[] {
  return link.sent.map((packet) => parseHandshake(packet).type);
}

Deno.test("a host's refusal of a caller's own packets ends the call and is not held against the origin", () => {
  const concluding = new World();
  concluding.offer(1);
  concluding.answerInduction(concluding.udp.opened[0]!);
  concluding.forwarder.unreachable(concluding.udp.opened[0]!);
  assert.deepEqual(concluding.types(), ["wanted", "reached", "ended"]);

  const accepted = new World();
  accepted.offer(1);
  accepted.answerInduction(accepted.udp.opened[0]!);
  accepted.fromOrigin(accepted.udp.opened[0]!, { type: -1, extensionField: 1, socketId: 77 });
  accepted.forwarder.unreachable(accepted.udp.opened[0]!);
  assert.deepEqual(accepted.types(), ["wanted", "reached", "accepted", "ended"]);
  accepted.forwarder.command({ type: "admit", call: 1 });

  for (const world of [concluding, accepted]) {
    assert.equal(world.said().type, 2502);
    world.pass(11_000);
    assert.ok(world.udp.opened[0]!.isClosed, "kept for late answers and no longer");
  }
});

Deno.test("an origin counts as silent after three inductions 250 ms apart, not just after that time", () => {
  const world = new World();
  world.offer(1);
  world.pass(700);
  assert.deepEqual(typesOf(world.udp.opened[0]!), [1, 1, 1]);
  assert.ok(!world.types().includes("unreachable"));
  world.pass(100);
  assert.deepEqual(world.reports.at(-1), { type: "unreachable", call: 1, isSilent: true });
  assert.ok(world.udp.opened[0]!.isClosed);

  // A blocked thread has not read what arrived meanwhile.
  const stood = new World();
  stood.offer(1);
  stood.leap(2_000);
  assert.ok(!stood.types().includes("unreachable"));
  stood.answerInduction(stood.udp.opened[0]!);
  assert.ok(stood.types().includes("reached"));
});

Deno.test("the addresses of an origin are asked in turn, and silent ones are asked again", () => {
  const world = new World();
  world.offer(4);
  world.pass(400);
  assert.deepEqual(world.udp.opened.map(({ origin }) => origin.port), [9000, 9001, 9002, 9003]);
  assert.deepEqual(typesOf(world.udp.opened[0]!), [1, 1]);
  // The first one answers late: the others are closed.
  world.answerInduction(world.udp.opened[0]!);
  assert.deepEqual(world.udp.opened.map(({ isClosed }) => isClosed), [false, true, true, true]);
  assert.deepEqual(typesOf(world.udp.opened[0]!), [1, 1, -1]);

  const refusing = new World();
  refusing.offer(3);
  for (const index of [0, 1]) refusing.forwarder.unreachable(refusing.udp.opened[index]!);
  assert.equal(refusing.udp.opened.length, 3, "at once");
  refusing.forwarder.unreachable(refusing.udp.opened[2]!);
  assert.deepEqual(refusing.reports.at(-1), { type: "unreachable", call: 1, isSilent: false });
});

Deno.test("without a socket the caller is refused and no origin is blamed", () => {
  const world = new World();
  world.udp.hasRoom = false;
  world.offer(2);
  assert.equal(world.said().type, 2402);
  assert.deepEqual(world.types(), ["wanted", "ended"]);

  // With a socket for the first address only, that address's silence proves nothing either.
  const short = new World();
  short.offer(2);
  short.udp.hasRoom = false;
  short.pass(1_000);
  assert.equal(short.said().type, 2402);
  assert.ok(!short.types().includes("unreachable"));
});

Deno.test("a caller is refused in time, wherever its call is stuck", () => {
  const stuck: Readonly<Record<string, (world: World) => void>> = {
    // No origin has been found yet.
    origin_timeout: () => {},
    unanswered: (world) => {
      world.offer(1);
      world.answerInduction(world.udp.opened[0]!);
    },
    unconfirmed: (world) => {
      world.offer(1);
      world.answerInduction(world.udp.opened[0]!);
      world.fromOrigin(world.udp.opened[0]!, { type: -1, extensionField: 1, socketId: 77 });
    },
  };
  for (const [reason, act] of Object.entries(stuck)) {
    const world = new World();
    act(world);
    world.pass(3_000);
    assert.equal(world.said().type, 2502, reason);
    const ended = world.reports.find(({ type }) => type === "ended");
    assert.equal(ended?.type === "ended" && ended.reason, reason);
    if (reason === "unconfirmed") {
      assert.equal(world.udp.opened[0]!.sent.at(-1)![1], 5, "the origin gets a SHUTDOWN");
    }
    // Sockets stay open for answers that come late, and no longer.
    world.pass(11_000);
    assert.ok(world.udp.opened.every(({ isClosed }) => isClosed), "no socket is left");
  }
});

/** A forwarder over simulated sockets, and a client's packets with a variable address. */
function crowd() {
  const engine = new ManualEngine(600);
  const reports: SrtReport[] = [];
  const limits = { maxSessions: 10, maxSessionsPerAddress: 10, idleTimeout: 10_000 };
  const forwarder = new SrtForwarder({
    tallies: { sessions: new LocalTally(), sockets: new LocalTally() },
    init: () => ({
      ...limits,
      lanes: 1,
      maxKeyMaterial: 0,
      defaultStreamId: "",
      cookieKey: new Uint8Array(16),
    }),
    engine,
    report: (report) => void reports.push(report),
    cookies: new Cookies(new Uint8Array(16)),
    wallTime: Date.now,
  });
  const say = (bytes: Uint8Array, client: number) => {
    const datagram = datagramOf(bytes, CLIENT);
    new DataView(datagram.sender.buffer).setUint32(12, client);
    return forwarder.fromClient(datagram);
  };
  return { engine, reports, forwarder, say };
}

Deno.test("inductions from any number of addresses get answers no longer than themselves and are forgotten", () => {
  const { engine, reports, say } = crowd();
  const induction = srtInduction(CALLER);
  let answers = 0;
  engine.sendToClient = (_, { length }) => {
    answers++;
    assert.equal(length, induction.length);
  };
  assertNothingKept((count) => {
    answers = 0;
    for (let index = 0; index < count; index++) say(induction, index);
    assert.equal(answers, count);
  }, 200_000);
  assert.deepEqual(reports, []);
});

Deno.test("abandoned sessions release everything", () => {
  const { engine, reports, forwarder, say } = crowd();
  let cookie = 0;
  engine.sendToClient = (_, bytes) => {
    if (bytes.length >= 64) cookie = parseHandshake(bytes.subarray(0, 64)).cookie;
  };
  const pass = (milliseconds: number) => {
    engine.time += milliseconds;
    forwarder.tick(engine.time);
  };
  assertNothingKept((count) => {
    for (let index = 0; index < count; index++) {
      say(srtInduction(CALLER), index);
      say(srtConclusion({ socketId: CALLER, cookie, streamId: "live/show" }), index);
      const [{ call }] = reports as [Extract<SrtReport, { type: "wanted" }>];
      forwarder.command({ type: "origin", call, addresses: addresses(1) });
      const link = engine.links.findLast((one) => one !== undefined && one.client === undefined)!;
      const answers = [{ type: 1, extensionField: 0x4a17, cookie: 9 }, {
        ...{ type: -1, extensionField: 1, socketId: 77 },
      }];
      for (const fields of answers) {
        const answer = srtHandshake({ socketId: 1, destination: CALLER, ...fields });
        forwarder.fromOrigin(link, datagramOf(answer));
      }
      assert.ok(say(keepAlive(77), index), "it is open");
      for (const time of [11_000, 1_000]) pass(time);
      assert.equal(reports.filter(({ type }) => type === "ended").length, 1);
      reports.length = 0;
    }
    assert.equal(engine.open, 0);
  }, 20_000);
});
