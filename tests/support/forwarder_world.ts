// The WebRTC forwarder of a lane, on an engine whose clock the test moves: sessions, clients that
// send from any address, and origins.

import { createHmac } from "node:crypto";
import { LocalTally } from "../../src/core/tally.ts";
import { KnownUsers, knownUsersMemory } from "../../src/relay/rtc/known_users.ts";
import { MediaForwarder } from "../../src/relay/rtc/media_forwarder.ts";
import type { DropReason } from "../../src/relay/udp/figures.ts";
import type { MediaInit, MediaReport } from "../../src/relay/rtc/media_messages.ts";
import { datagramOf, ManualEngine, type ManualLink } from "./manual_engine.ts";
import { stunRequest } from "./stun_message.ts";

/** RTP, the first and last messages of a DTLS handshake, DTLS application data, a STUN answer. */
export const RTP = Uint8Array.of(0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1);
export const CLIENT_HELLO = Uint8Array.of(22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
export const FINISHED = Uint8Array.of(22, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
export const DTLS_DATA = Uint8Array.of(23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 1);
export const STUN_ANSWER = Uint8Array.of(1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42);

export class ForwarderWorld {
  readonly reports: MediaReport[] = [];
  readonly engine: ManualEngine;
  readonly #forwarder: MediaForwarder;
  #init: MediaInit;
  readonly #users: KnownUsers;

  constructor(init: Partial<MediaInit> = {}) {
    this.#init = {
      ...{ users: knownUsersMemory(100), lanes: 1 },
      ...{ consentTimeout: 30_000, maxPaths: 40, maxSessionsPerAddress: 10 },
      ...init,
    };
    this.#users = new KnownUsers(this.#init.users);
    this.engine = new ManualEngine(this.#init.maxPaths);
    this.#forwarder = new MediaForwarder({
      init: () => this.#init,
      engine: this.engine,
      tallies: { sessions: new LocalTally(), sockets: new LocalTally() },
      report: (report) => this.reports.push(report),
      hmac: (key, head, rest) => createHmac("sha1", key).update(head).update(rest).digest(),
    });
  }

  /** Opens a session whose password is its name twice, with an origin port of its own. */
  open(
    name: string,
    { isWanted = false, isCounted = true, before, otherHosts = [] }: {
      isWanted?: boolean;
      isCounted?: boolean;
      before?: string;
      /** Other hosts of its origin, in addition to 10.0.0.1. */
      otherHosts?: readonly string[];
    } = {},
  ): void {
    this.#forwarder.command({
      type: "open",
      session: {
        ...{ user: userOf(name), password: name + name, isCounted },
        media: { host: "10.0.0.1", port: portOf(name) },
        otherMedia: otherHosts.map((host) => ({ host, port: portOf(name) })),
        before: before && userOf(before),
      },
      isWanted,
    });
  }

  close(name: string): void {
    this.#forwarder.command({ type: "close", key: userOf(name), reason: "deleted" });
  }

  /** Adds a session to this process that the lane does not know yet. */
  agree(name: string): void {
    this.#users.add(userOf(name));
  }

  /** Tells the lane that there is no such session. */
  unknown(name: string): void {
    this.#forwarder.command({ type: "unknown", user: userOf(name) });
  }

  /**
   * Sends a signed request for a session from an address. @returns the sessions whose origins get
   * it
   */
  check(name: string, from: string, password = name + name): string[] {
    return this.send(stunRequest({ user: userOf(name), password }), from);
  }

  /**
   * Sends a datagram from an address, `ip:port`. @returns the sessions whose origins get it, by
   * name
   */
  send(bytes: Uint8Array, from: string): string[] {
    const [host = "", port = ""] = from.split(":");
    const link = this.#forwarder.fromClient(datagramOf(bytes, { host, port: Number(port) }));
    link?.send(bytes);
    return this.#taken();
  }

  /**
   * Sends bytes from a session's origin over the link for an address. @returns whether they go to
   * that address
   */
  answer(name: string, to: string, bytes: Uint8Array): boolean {
    return this.#forwarder.fromOrigin(this.linkOf(name, to)!, datagramOf(bytes));
  }

  /** The host of a session's origin refuses (ICMP). */
  refuse(name: string, to: string): void {
    this.#forwarder.unreachable(this.linkOf(name, to)!);
  }

  /** The open link of a session for an address. */
  linkOf(name: string, to: string): ManualLink | undefined {
    return this.engine.links.find((link) => {
      return link?.origin.port === portOf(name) &&
        `${link.client?.host}:${link.client?.port}` === to;
    });
  }

  /** Lets time pass in steps of a second, during which every origin keeps sending. */
  pass(milliseconds: number, each: () => void = () => {}): void {
    for (let left = milliseconds; left > 0; left -= 1_000) {
      this.engine.time += Math.min(left, 1_000);
      for (const link of this.engine.links) {
        if (link) this.#forwarder.fromOrigin(link, datagramOf(STUN_ANSWER));
      }
      each();
      this.#forwarder.tick(this.engine.time);
    }
  }

  /** Changes limits, as a reload does. */
  configure(init: Partial<MediaInit>): void {
    this.#init = { ...this.#init, ...init };
  }

  /** The names of the sessions in reports of this type. */
  reported(type: "wanted" | "started" | "ended"): string[] {
    return this.reports.flatMap((report) => {
      if (report.type !== type) return [];
      return [("key" in report ? report.key : report.user).split(":", 1)[0]!];
    });
  }

  /** How many datagrams have been reported as dropped for a reason. */
  dropped(reason: DropReason<"rtc">): number {
    this.engine.time += 1_000;
    this.#forwarder.tick(this.engine.time);
    return this.reports.reduce((sum, report) => {
      return sum + (report.type === "moved" ? report.drops[reason] ?? 0 : 0);
    }, 0);
  }

  #taken(): string[] {
    const names: string[] = [];
    for (const link of this.engine.links) {
      if (link === undefined) continue;
      for (const _ of link.sent) names.push(nameOf(link.origin.port));
      link.sent.length = 0;
    }
    return names;
  }
}

function userOf(name: string): string {
  return `${name}:me`;
}

const names: string[] = [];

function portOf(name: string): number {
  if (!names.includes(name)) names.push(name);
  return 9_000 + names.indexOf(name);
}

function nameOf(port: number): string {
  return names[port - 9_000]!;
}
