// The SRT relay on a free port with a real registry, in this process, and callers and origins that
// the test controls packet by packet over real sockets. If the test brings a clock, the relay's
// lane runs in this thread too, and nothing is waited for but packets.

import { systemClock } from "../../src/core/clock.ts";
import { Cookies } from "../../src/relay/srt/cookies.ts";
import { SrtForwarder } from "../../src/relay/srt/srt_forwarder.ts";
import type { SrtInit, SrtReport } from "../../src/relay/srt/srt_messages.ts";
import { SrtRelay, type SrtRelayOptions } from "../../src/relay/srt/srt_relay.ts";
import type { ForwarderParts } from "../../src/relay/udp/forwarder.ts";
import { type Handshake, parseHandshake } from "../../src/protocol/srt/handshake.ts";
import { LocalLanes } from "./local_lanes.ts";
import { loopback, RelayWorld, Surroundings } from "./relay_world.ts";
import { srtConclusion, srtHandshake, srtInduction } from "./srt_packets.ts";
import { type ReceivedDatagram, UdpPeer } from "./udp_peer.ts";
import type { VirtualClock } from "./virtual_clock.ts";

/** Limits that a test may set, and a clock if the test is to move time. */
export interface SrtWorldOptions extends Partial<Omit<SrtRelayOptions, "lanes">> {
  readonly clock?: VirtualClock;
  readonly lanes?: number;
}

/** Some time of day, in the middle of a minute. */
const NOON = 1_800_000_030_000;

type Conclusion = Omit<Parameters<typeof srtConclusion>[0], "socketId" | "cookie">;

export class SrtWorld extends RelayWorld {
  readonly relay: SrtRelay;
  readonly lanes: LocalLanes;

  private constructor(around: Surroundings, relay: SrtRelay, lanes: LocalLanes) {
    super(around);
    this.relay = relay;
    this.lanes = lanes;
  }

  static async open({ lanes: count = 1, ...options }: SrtWorldOptions = {}): Promise<SrtWorld> {
    const { clock = systemClock } = options;
    const around = await Surroundings.open(clock);
    const onClock = options.clock && inTimeOf(options.clock);
    const lanes = around.stack.use(new LocalLanes({ clock, count, ...onClock }));
    const relay = around.stack.use(
      await SrtRelay.open({
        listen: { host: "127.0.0.1", port: 0 },
        clock,
        lanes,
        maxSessions: 100,
        maxSessionsPerAddress: 100,
        idleTimeout: 20_000,
        maxKeyMaterial: 0,
        defaultStreamId: "",
        cookieSecret: "",
        ...around.dependencies,
        ...options,
      }),
    );
    return new SrtWorld(around, relay, lanes);
  }

  /** Opens an origin with that many addresses, all on this machine. */
  async addOrigin(name: string, addresses = 1): Promise<SrtOrigin> {
    const origin = this.around.stack.use(new SrtOrigin(addresses));
    await this.register(name, origin.peers.map(({ port }) => port));
    return origin;
  }

  /** Registers an origin whose SRT listeners are at these ports of this machine. */
  async register(name: string, ports: readonly number[]): Promise<void> {
    await this.around.register(name, { srt: loopback(...ports) });
  }

  /** A caller that has got its cookie; with an address of its own unless given. */
  async caller(socketId: number, peer = this.around.stack.use(new UdpPeer())): Promise<SrtCaller> {
    const caller = new SrtCaller(socketId, peer, this.relay.address.port);
    await caller.begin();
    return caller;
  }

  /** The origins set aside for SRT. */
  async setAside(): Promise<string[]> {
    const origins = await this.registry.origins();
    return origins.filter(({ setAsideFor }) => (setAsideFor.srt ?? 0) > 0)
      .map(({ origin }) => origin.id);
  }
}

/** A caller with one socket. */
export class SrtCaller {
  readonly socketId: number;
  readonly peer: UdpPeer;
  cookie = 0;
  readonly #relay: number;

  constructor(socketId: number, peer: UdpPeer, relay: number) {
    this.socketId = socketId;
    this.peer = peer;
    this.#relay = relay;
  }

  async begin(): Promise<void> {
    await this.send(srtInduction(this.socketId));
    this.cookie = (await this.answer()).cookie;
  }

  async send(packet: Uint8Array): Promise<void> {
    await this.peer.sendTo(packet, "127.0.0.1", this.#relay);
  }

  async conclude(conclusion: Conclusion): Promise<void> {
    const { socketId, cookie } = this;
    await this.send(srtConclusion({ ...conclusion, socketId, cookie }));
  }

  /** Waits for the next packet, which must be a handshake. */
  async answer(): Promise<Handshake> {
    return readHandshake(await this.peer.next());
  }
}

/** A packet that an origin has received, and at which of its addresses. */
export interface AtOrigin extends ReceivedDatagram {
  readonly peer: UdpPeer;
}

/** An origin that sends what the test tells it to. */
export class SrtOrigin implements AsyncDisposable {
  readonly peers: readonly UdpPeer[];

  constructor(addresses: number) {
    this.peers = Array.from({ length: addresses }, () => new UdpPeer());
  }

  /** Packets received at all addresses and not taken yet. */
  get waiting(): number {
    return this.peers.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** Waits for the next packet at one address. */
  async next(address = 0): Promise<AtOrigin> {
    const peer = this.peers[address]!;
    return { peer, ...await peer.next() };
  }

  /** Waits for the next induction and answers it. */
  async answerInduction(address = 0): Promise<AtOrigin> {
    const induction = await this.next(address);
    const { socketId: destination } = readHandshake(induction);
    const answer = { type: 1, extensionField: 0x4a17, socketId: 1, cookie: 9, destination };
    await induction.peer.send(srtHandshake(answer), induction.port);
    return induction;
  }

  /** Waits for the next conclusion, skipping inductions. */
  async conclusion(address = 0): Promise<AtOrigin> {
    while (true) {
      const packet = await this.next(address);
      if (packet.bytes[1] === 0 && readHandshake(packet).type === -1) return packet;
    }
  }

  /** Answers a conclusion. */
  async decide(
    { peer, port, bytes }: AtOrigin,
    answer: Partial<Parameters<typeof srtHandshake>[0]>,
  ): Promise<void> {
    const { socketId: destination } = readHandshake({ bytes });
    const accepted = { type: -1, extensionField: 1, socketId: 77, destination };
    await peer.send(srtHandshake({ ...accepted, ...answer }), port);
  }

  /** Accepts the next caller. @returns its conclusion */
  async letIn(socketId: number): Promise<AtOrigin> {
    await this.answerInduction();
    const conclusion = await this.conclusion();
    await this.decide(conclusion, { socketId });
    return conclusion;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.peers) await peer[Symbol.asyncDispose]();
  }
}

/** Reads the fixed part of a handshake. */
export function readHandshake({ bytes }: { readonly bytes: readonly number[] }): Handshake {
  return parseHandshake(Uint8Array.from(bytes.slice(0, 64)));
}

/** The socket that a packet is for, if it is a SHUTDOWN. */
export function shutdownOf({ bytes }: { readonly bytes: readonly number[] }): number | undefined {
  if (bytes[0] !== 0x80 || bytes[1] !== 5) return undefined;
  return new DataView(Uint8Array.from(bytes).buffer).getInt32(12);
}

/** Forwarders on a clock that also provides wall time. */
function inTimeOf(clock: VirtualClock) {
  const cookies = new Cookies(new Uint8Array(16));
  const wallTime = () => NOON + clock.now();
  const create = (parts: ForwarderParts<SrtInit, SrtReport>) =>
    new SrtForwarder({ ...parts, cookies, wallTime });
  return { engine: "deno", create } as const;
}
