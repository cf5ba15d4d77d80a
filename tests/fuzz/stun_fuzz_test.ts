// A million random datagrams and randomly mutated STUN requests against the whole WebRTC forwarder
// except reading from the socket: every one is dropped and counted, none opens a socket, and memory
// does not grow.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { systemClock } from "../../src/core/clock.ts";
import { EventLoop } from "../../src/net/libc/event_loop.ts";
import { chooseLibc, openEngine } from "../../src/net/udp/engine.ts";
import type { Datagram } from "../../src/net/udp/port.ts";
import { toRawAddress } from "../../src/net/udp/raw_address.ts";
import { LocalTally } from "../../src/core/tally.ts";
import { knownUsersMemory } from "../../src/relay/rtc/known_users.ts";
import { MediaForwarder } from "../../src/relay/rtc/media_forwarder.ts";
import type { MediaReport } from "../../src/relay/rtc/media_messages.ts";
import { corpusOf } from "../support/corpus.ts";
import { fuzzTest } from "../support/fuzzing.ts";
import { stunRequest } from "../support/stun_message.ts";

const DATAGRAMS = 1_000_000;
const USER = "abcd:efgh";

/** A datagram with settable contents. */
class AnyDatagram implements Datagram {
  readonly buffer = new Uint8Array(2048);
  readonly sender = toRawAddress({ host: "10.0.0.1", port: 1 });
  length = 0;

  fill(bytes: Uint8Array): void {
    this.buffer.set(bytes);
    this.length = bytes.length;
  }
}

/** The forwarder's reported counts, by reason, and how often it has asked about a user. */
class Reports {
  readonly dropped: Record<string, number> = {};
  wanted = 0;
  started = 0;

  readonly take = (report: MediaReport): void => {
    if (report.type === "wanted") this.wanted++;
    if (report.type === "started") this.started++;
    if (report.type !== "moved") return;
    for (const [reason, count] of Object.entries(report.drops)) {
      this.dropped[reason] = (this.dropped[reason] ?? 0) + count;
    }
  };
}

/** Makes a valid request invalid. */
function spoil(request: Uint8Array, next: (below: number) => number): Uint8Array {
  const spoilt = request.slice(0, next(3) === 0 ? next(request.length) : request.length);
  // At least one change in the signed part, and no other that could undo it.
  const at = 30 + next(request.length - 62);
  if (at < spoilt.length) spoilt[at]! ^= 1 + next(255);
  if (next(4) === 0 && spoilt.length > 30) spoilt[20 + next(10)] = next(256);
  return spoilt;
}

fuzzTest("a million bad datagrams are dropped and counted", async (next) => {
  const library = chooseLibc("auto");
  const listen = { host: "127.0.0.1", port: 0 };
  const options = { clock: systemClock, listen, tick: 100, maxLinks: 10 };
  const loop = library && new EventLoop(library.symbols);
  const engine = openEngine(loop, options);
  const reports = new Reports();
  const forwarder = new MediaForwarder({
    init: () => ({
      ...{ users: knownUsersMemory(10), lanes: 1 },
      consentTimeout: 30_000,
      maxPaths: 10,
      maxSessionsPerAddress: 10,
    }),
    engine,
    tallies: { sessions: new LocalTally(), sockets: new LocalTally() },
    report: reports.take,
    hmac: (key, head, rest) => createHmac("sha1", key).update(head).update(rest).digest(),
  });
  const media = { host: "127.0.0.1", port: 9 };
  const session = { user: USER, password: "secret", media, isCounted: true };
  forwarder.command({ type: "open", session, isWanted: false });
  const request = stunRequest({ user: USER, password: "secret" });
  const datagram = new AnyDatagram();
  const play = (count: number) => {
    for (let done = 0; done < count; done++) {
      datagram.sender[15] = next(256);
      datagram.sender[17] = next(256);
      if (next(2) === 0) datagram.fill(spoil(request, next));
      else {
        datagram.length = next(100);
        for (let at = 0; at < datagram.length; at++) datagram.buffer[at] = next(256);
        if (next(2) === 0) datagram.buffer.set(request.subarray(0, 8 + next(40)));
      }
      assert.equal(forwarder.fromClient(datagram), undefined, "nothing of it is relayed");
    }
  };
  const known = corpusOf("stun");
  for (const { bytes } of known) {
    datagram.fill(bytes);
    assert.equal(forwarder.fromClient(datagram), undefined, "nothing of it is relayed");
  }
  play(DATAGRAMS / 10);
  const before = Deno.memoryUsage().rss;
  play(DATAGRAMS * 9 / 10);
  const grown = Deno.memoryUsage().rss - before;
  forwarder.end();
  const { dropped } = reports;
  const counted = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  assert.equal(counted, DATAGRAMS + known.length);
  for (const reason of ["unknown_address", "malformed", "unknown_user", "bad_integrity"]) {
    assert.ok(dropped[reason]! > 0, `${reason} has happened`);
  }
  assert.equal(reports.started, 0);
  assert.ok(reports.wanted <= 500 + 500 * 60, `${reports.wanted} questions to the registry`);
  assert.ok(grown < 64 << 20, `${grown >> 20} MiB more memory`);
  // The engine frees its sockets when it ends.
  engine.close();
  await engine.run(forwarder);
  loop?.[Symbol.dispose]();
  library?.close();
});
