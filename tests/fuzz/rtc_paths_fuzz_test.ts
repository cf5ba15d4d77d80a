// Random sessions and addresses: sessions open, restart and close, their requests come from any
// address, valid or forged, origins send packets, time passes. Whatever happens, what an address
// sends goes only to sessions that have proved themselves there, and in the end nothing is left.

import assert from "node:assert/strict";
import {
  CLIENT_HELLO,
  DTLS_DATA,
  FINISHED,
  ForwarderWorld,
  RTP,
  STUN_ANSWER,
} from "../support/forwarder_world.ts";
import { fuzzTest } from "../support/fuzzing.ts";

const HISTORIES = 40;
const STEPS = 400;
const MAX_PATHS = 24;
const DATAGRAMS = [RTP, DTLS_DATA, CLIENT_HELLO, FINISHED, STUN_ANSWER, Uint8Array.of(0xff)];

class History {
  readonly world = new ForwarderWorld({ maxPaths: MAX_PATHS, maxSessionsPerAddress: 3 });
  readonly open = new Set<string>();
  /** How often a client has proved itself. */
  proved = 0;
  readonly #next: (below: number) => number;
  #names = 0;

  constructor(next: (below: number) => number) {
    this.#next = next;
  }

  step(): void {
    const names = [...this.open];
    const name = names[this.#next(names.length || 1)] ?? "nobody";
    const address = `192.0.2.${this.#next(3)}:${5000 + this.#next(3)}`;
    switch (this.#next(8)) {
      case 0:
        return this.#begin(name);
      case 1:
        this.world.close(name);
        this.open.delete(name);
        return;
      case 2:
        this.world.pass(this.#next(4) * 1_000);
        return this.#forgetEnded();
      case 3:
        assert.deepEqual(this.world.check("stranger", address), []);
        return;
      case 4:
        if (this.world.linkOf(name, address) === undefined) {
          assert.deepEqual(this.world.check(name, address, "forged"), []);
        }
        return;
      case 5: {
        const link = this.world.linkOf(name, address);
        if (link) this.world.answer(name, address, DATAGRAMS[this.#next(DATAGRAMS.length)]!);
        return;
      }
      default:
        return this.#sendFrom(name, address);
    }
  }

  #begin(before: string): void {
    if (this.open.size >= MAX_PATHS / 2) return;
    const name = `n${this.#names++ % 200}`;
    if (this.open.has(name)) return;
    const isRestart = this.#next(4) === 0 && this.open.has(before);
    const isCounted = this.#next(3) > 0;
    this.world.open(name, isRestart ? { before, isCounted } : { isCounted });
    this.open.add(name);
  }

  #sendFrom(name: string, address: string): void {
    const heard = this.open.has(name) ? this.world.check(name, address) : [];
    assert.ok(heard.length === 0 || (heard.length === 1 && heard[0] === name));
    const taken = this.world.send(DATAGRAMS[this.#next(DATAGRAMS.length)]!, address);
    assert.equal(new Set(taken).size, taken.length, "nobody gets anything twice");
    for (const one of taken) assert.ok(this.world.linkOf(one, address), `${one} has proved itself`);
    if (heard.length > 0) {
      this.proved++;
      assert.ok(taken.length > 0, "packets from a proved address are passed on");
    }
    assert.ok(this.world.engine.open <= MAX_PATHS);
  }

  #forgetEnded(): void {
    for (const name of this.world.reported("ended")) this.open.delete(name);
    this.world.reports.length = 0;
  }
}

fuzzTest("random paths lead to their sessions and leave nothing behind", (next) => {
  let proved = 0;
  for (let count = 0; count < HISTORIES; count++) {
    const history = new History(next);
    for (let step = 0; step < STEPS; step++) history.step();
    proved += history.proved;
    const { world } = history;
    for (const name of history.open) world.close(name);
    assert.equal(world.engine.open, 0);
    for (let address = 0; address < 9; address++) {
      const from = `192.0.2.${address % 3}:${5000 + Math.floor(address / 3)}`;
      assert.deepEqual(world.send(RTP, from), []);
    }
    for (let index = 0; index < 3; index++) {
      world.open(`last${index}`, { isCounted: false });
      assert.deepEqual(world.check(`last${index}`, "192.0.2.0:5000"), [`last${index}`]);
    }
  }
  assert.ok(proved > HISTORIES, `clients proved themselves only ${proved} times`);
});
