// The WebRTC media relay on a free port with a real registry, in this process, and clients and an
// origin that exchange STUN messages with it over real sockets.

import { systemClock } from "../../src/core/clock.ts";
import type { RtcSession } from "../../src/core/contracts.ts";
import type { Origin } from "../../src/core/origin.ts";
import type { UdpEngineChoice } from "../../src/net/udp/engine.ts";
import type { MediaForwarderParts } from "../../src/relay/rtc/media_forwarder.ts";
import type { MediaCommand } from "../../src/relay/rtc/media_messages.ts";
import type { Forwarder } from "../../src/relay/udp/forwarder.ts";
import { type RtcMediaOptions, RtcMediaRelay } from "../../src/relay/rtc/media_relay.ts";
import { LocalLanes } from "./local_lanes.ts";
import { loopback, RelayWorld, Surroundings } from "./relay_world.ts";
import { stunRequest } from "./stun_message.ts";
import { UdpPeer } from "./udp_peer.ts";

/** Limits that a test may set, and where the forwarders run. */
export interface MediaWorldOptions extends
  Partial<
    Pick<
      RtcMediaOptions,
      "maxSessions" | "maxSessionsPerAddress" | "startTimeout" | "consentTimeout"
    >
  > {
  readonly engine?: UdpEngineChoice;
  readonly lanes?: number;
  /** Creates the forwarders; the program's own unless given. */
  readonly create?: (parts: Omit<MediaForwarderParts, "hmac">) => Forwarder<MediaCommand>;
  /** Called before any forwarder is created. */
  readonly prepare?: (dependencies: Surroundings["dependencies"]) => void;
}

export class MediaWorld extends RelayWorld {
  readonly relay: RtcMediaRelay;
  readonly lanes: LocalLanes;
  readonly origin: UdpPeer;

  private constructor(
    around: Surroundings,
    { relay, lanes, origin }: Pick<MediaWorld, "relay" | "lanes" | "origin">,
  ) {
    super(around);
    this.relay = relay;
    this.lanes = lanes;
    this.origin = origin;
  }

  static async open(
    { engine = "auto", lanes: count = 1, create, prepare, ...options }: MediaWorldOptions = {},
  ): Promise<MediaWorld> {
    const around = await Surroundings.open();
    const origin = around.stack.use(new UdpPeer());
    await around.register("o", { rtc: loopback(origin.port) });
    prepare?.(around.dependencies);
    const made = create === undefined ? {} : { create };
    const lanes = around.stack.use(new LocalLanes({ clock: systemClock, engine, count, ...made }));
    const relay = around.stack.use(
      await RtcMediaRelay.open({
        listen: { host: "127.0.0.1", port: 0 },
        clock: systemClock,
        lanes,
        maxSessions: 100,
        maxSessionsPerAddress: 100,
        startTimeout: 20_000,
        consentTimeout: 20_000,
        rtcSessions: around.registry,
        ...around.dependencies,
        ...options,
      }),
    );
    return new MediaWorld(around, { relay, lanes, origin });
  }

  /** Registers an origin on this machine with only these endpoints. */
  async register(id: string, endpoints: Partial<Origin["endpoints"]>): Promise<void> {
    await this.around.register(id, endpoints);
  }

  /** A session at the origin whose password is its name twice. */
  session(name: string, stream = `__defaultVhost__/live/${name}`): RtcSession {
    const media = { host: "127.0.0.1", port: this.origin.port };
    const intent = "play";
    return { user: `${name}:me`, password: name + name, stream, intent, origin: "o", media };
  }

  /** Opens a negotiated session that a client at `client` has asked for. */
  async agree(name: string, client = "127.0.0.1"): Promise<RtcSession> {
    using place = this.relay.reserve(client);
    const session = this.session(name);
    await this.relay.open(session, place);
    return session;
  }

  /** Sends a client's request for a session, with the right password unless given. */
  async check(client: UdpPeer, name: string, password = name + name): Promise<void> {
    await client.send(stunRequest({ user: `${name}:me`, password }), this.relay.address.port);
  }

  /**
   * Has a client prove itself, and waits until the origin receives its request.
   *
   * @returns the port from which the relay sends to the origin for this client
   */
  async start(client: UdpPeer, name: string): Promise<number> {
    for (let tries = 0; tries < 10; tries++) {
      await this.check(client, name);
      // A client repeats its request if there is no answer, but not so soon that the origin gets it
      // twice.
      const datagram = await this.origin.next(1_000).catch(() => undefined);
      if (datagram) return datagram.port;
    }
    throw new Error(`Cannot start session ${name}: the origin has heard nothing`);
  }
}
