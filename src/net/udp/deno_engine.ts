// The UDP engine where libc cannot be used: Deno's own datagram sockets. Slower, with the kernel's default
// buffers and without notice of ICMP refusals, but available everywhere. Every socket has a loop of its
// own that handles one datagram after the other, so a slow socket delays only itself.

import { ProxyError } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import { bind } from "../bind.ts";
import { isOutOfResources } from "../close_errors.ts";
import { noDrops } from "./drops.ts";
import { LinkIds } from "./link_ids.ts";
import { SlotDatagram } from "./message_batch.ts";
import type { UdpDrops, UdpEngine, UdpEngineOptions, UdpLink, UdpRelay } from "./port.ts";
import { MAX_DATAGRAM, SOON } from "./port.ts";
import { fromRawAddress, isIpv4, toRawAddress } from "./raw_address.ts";

/** Limit on datagrams that the relay has sent but the sockets have not taken. */
const MAX_PENDING = 1024;
/** With this many failures in a row, it would fail for ever. */
const MAX_FAILURES = 100;
const NOBODY: Uint8Array<ArrayBuffer> = new Uint8Array();

/** See `UdpEngine`. */
export class DenoEngine implements UdpEngine {
  readonly kind = "deno";
  readonly address: Address;
  readonly drops: UdpDrops = noDrops();
  readonly buffers = { receive: 0, send: 0 };
  readonly #front: Deno.DatagramConn;
  readonly #isFrontV6: boolean;
  readonly #options: UdpEngineOptions;
  readonly #links = new Set<DenoLink>();
  readonly #ids: LinkIds;
  readonly #loops = new Set<Promise<void>>();
  readonly #end = Promise.withResolvers<void>();
  #relay: UdpRelay | undefined;
  #pending = 0;
  #soon: Disposable | undefined;

  /** @throws ProxyError `internal` when the port cannot be bound */
  constructor(options: UdpEngineOptions) {
    this.#options = options;
    this.#ids = new LinkIds(options.maxLinks);
    const { reusePort = false } = options;
    this.#front = bind("UDP", options.listen, (where) => {
      return Deno.listenDatagram({ transport: "udp", ...where, reuseAddress: reusePort });
    });
    const { hostname, port } = this.#front.addr as Deno.NetAddr;
    this.#isFrontV6 = hostname.includes(":");
    this.address = { host: hostname, port };
  }

  openLink(origin: Address): UdpLink {
    const link = this.#ids.openWith((id) => new DenoLink(this, id, origin));
    this.#links.add(link);
    if (this.#relay) this.#start(this.#readLink(link));
    return link;
  }

  sendToClient(raw: Uint8Array, bytes: Uint8Array): void {
    this.post(this.#front, bytes.slice(), this.#netAddress(raw));
  }

  now(): number {
    return this.#options.clock.now();
  }

  tickSoon(): void {
    this.#soon ??= this.#options.clock.after(SOON, () => {
      this.#soon = undefined;
      this.#guard(() => this.#relay?.tick(this.now()));
    });
  }

  async run(relay: UdpRelay): Promise<void> {
    this.#relay = relay;
    const { clock, tick } = this.#options;
    const ticker = clock.every(tick, () => this.#guard(() => relay.tick(this.now())));
    this.#start(this.#readFront(relay));
    for (const link of this.#links) this.#start(this.#readLink(link));
    try {
      await this.#end.promise;
    } finally {
      ticker[Symbol.dispose]();
      this.#soon?.[Symbol.dispose]();
      for (const link of this.#links) link.close();
      this.#front.close();
      await Promise.all(this.#loops);
    }
  }

  close(): void {
    this.#end.resolve();
  }

  /** Sends without waiting; for DenoLink only. @param bytes must not change */
  post(socket: Deno.DatagramConn, bytes: Uint8Array, to: Deno.NetAddr): void {
    const full = socket === this.#front ? "clientFull" : "originFull";
    if (this.#pending >= MAX_PENDING) {
      this.drops[full]++;
      return;
    }
    this.#pending++;
    this.#send(socket, bytes, to).finally(() => this.#pending--);
  }

  /** For DenoLink only. */
  forget(link: DenoLink): void {
    this.#links.delete(link);
    this.#ids.takeBack(link.id);
  }

  async #readFront(relay: UdpRelay): Promise<void> {
    const datagram = new SlotDatagram();
    const error = await this.#receive(this.#front, async (bytes, from) => {
      datagram.buffer = bytes;
      datagram.length = bytes.length;
      datagram.sender = toRawAddress({ host: from.hostname, port: from.port });
      const link = relay.fromClient(datagram) as DenoLink | undefined;
      if (link && !link.isClosed) await this.#send(link.socket, bytes, link.origin);
    });
    if (error !== undefined) this.#end.reject(error);
  }

  async #readLink(link: DenoLink): Promise<void> {
    const datagram = new SlotDatagram();
    datagram.sender = NOBODY;
    const error = await this.#receive(link.socket, async (bytes, from) => {
      if (!link.isFromOrigin(from) || link.isClosed) return;
      datagram.buffer = bytes;
      datagram.length = bytes.length;
      if (!this.#relay?.fromOrigin(link, datagram)) return;
      if (link.client) await this.#send(this.#front, bytes, this.#netAddress(link.client));
      else this.drops.noClient++;
    });
    // A failed socket to one origin concerns only that origin.
    if (error !== undefined) this.#guard(() => this.#relay?.unreachable(link));
  }

  /** Receives until the socket is closed. @returns the error that ended it before that */
  async #receive(
    socket: Deno.DatagramConn,
    take: (bytes: Uint8Array<ArrayBuffer>, from: Deno.NetAddr) => Promise<void>,
  ): Promise<unknown> {
    // One byte more than allowed, to tell a datagram that was cut from one that just fits.
    const buffer = new Uint8Array(MAX_DATAGRAM + 1);
    for (let failures = 0; failures < MAX_FAILURES;) {
      const received = await socket.receive(buffer).catch((error: unknown) => ({ error }));
      if ("error" in received) {
        const { error } = received;
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
          return undefined;
        }
        // Some systems report here that an earlier datagram was not delivered; the others are not affected.
        if (++failures === MAX_FAILURES) return error;
        continue;
      }
      failures = 0;
      const [bytes, from] = received;
      if (bytes.length > MAX_DATAGRAM) this.drops.truncated++;
      else await take(bytes as Uint8Array<ArrayBuffer>, from as Deno.NetAddr);
    }
  }

  async #send(socket: Deno.DatagramConn, bytes: Uint8Array, to: Deno.NetAddr): Promise<void> {
    try {
      await socket.send(bytes, to);
    } catch {
      this.drops.failed++;
    }
  }

  #netAddress(raw: Uint8Array): Deno.NetAddr {
    const { host, port } = fromRawAddress(raw);
    const hostname = this.#isFrontV6 && isIpv4(raw) ? `::ffff:${host}` : host;
    return { transport: "udp", hostname, port };
  }

  /** An exception from the relay ends the engine. */
  #start(loop: Promise<void>): void {
    const running = loop.catch((error) => this.#end.reject(error)).finally(() =>
      this.#loops.delete(running)
    );
    this.#loops.add(running);
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#end.reject(error);
    }
  }
}

/** See `UdpLink`. */
class DenoLink implements UdpLink {
  readonly id: number;
  readonly socket: Deno.DatagramConn;
  readonly origin: Deno.NetAddr;
  client: Uint8Array | undefined;
  isClosed = false;
  readonly #engine: DenoEngine;

  constructor(engine: DenoEngine, id: number, { host, port }: Address) {
    this.#engine = engine;
    this.id = id;
    this.origin = { transport: "udp", hostname: host, port };
    const hostname = host.includes(":") ? "::" : "0.0.0.0";
    try {
      this.socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    } catch (cause) {
      const code = isOutOfResources(cause) ? "overloaded" : "origin_unreachable";
      throw new ProxyError(code, "Cannot open another socket now", { cause });
    }
  }

  isFromOrigin({ hostname, port }: Deno.NetAddr): boolean {
    return port === this.origin.port && hostname === this.origin.hostname;
  }

  setClient(raw: Uint8Array): void {
    this.client = raw.slice();
  }

  send(bytes: Uint8Array): void {
    if (!this.isClosed) this.#engine.post(this.socket, bytes.slice(), this.origin);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.socket.close();
    this.#engine.forget(this);
  }
}
