// HTTP/1.1 connections to origins: opens new ones and keeps idle ones for reuse. Knows neither
// streams nor clients.

import { blameOrigin, ProxyError } from "../core/errors.ts";
import { formatAddress } from "../core/endpoint.ts";
import type { Address } from "../core/address.ts";
import type { Connection, DialOptions, TcpEngine } from "../net/engine.ts";
import { Inbox } from "../net/inbox.ts";
import { findHeadEnd, parseHead } from "../protocol/http/head.ts";
import { type HttpResponse, understandResponse } from "../protocol/http/response.ts";
import type { OutgoingRequest } from "./outgoing_request.ts";

/** Most connections kept for one address, and how long each is kept, milliseconds. */
const MAX_KEPT = 16;
const KEEP = 15_000;
/** Initial size of the receive buffer, bytes. */
const ORIGIN_INBOX = 4096;

/** A connection to an origin. Its user must close it or give it back. */
export class OriginConnection implements Disposable {
  readonly address: Address;
  readonly connection: Connection;
  readonly inbox = new Inbox(ORIGIN_INBOX);
  keptUntil = 0;
  #reading: Promise<boolean> | undefined;

  constructor(address: Address, connection: Connection) {
    this.address = address;
    this.connection = connection;
  }

  /** Starts one read, or joins the one in progress. */
  more(): Promise<boolean> {
    this.#reading ??= this.inbox.more(this.connection).finally(() => this.#reading = undefined);
    return this.#reading;
  }

  /**
   * Sends a request and reads the head of the response, skipping interim responses.
   *
   * @param timeout milliseconds
   * @throws ProxyError `origin_timeout`; `origin_gone` when the connection ends first or the
   * response is not HTTP
   */
  async ask({ head, body, method }: OutgoingRequest, timeout: number): Promise<HttpResponse> {
    const { connection, inbox } = this;
    using deadline = connection.closeAfter(timeout);
    await connection.write(head);
    if (body !== undefined) await connection.write(body);
    while (true) {
      let end = tryFindHeadEnd(inbox.bytes);
      for (; end < 0; end = tryFindHeadEnd(inbox.bytes)) {
        if (await this.more()) continue;
        throw deadline.passed
          ? new ProxyError("origin_timeout", "Origin does not answer")
          : new ProxyError("origin_gone", "Origin has closed the connection");
      }
      const response = readResponse(inbox.bytes.subarray(0, end), method);
      inbox.consume(end);
      if (response.status >= 200) return response;
    }
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}

/** The error message for an origin that breaks RFC 9112. */
export const NO_HTTP = "Origin does not speak HTTP";

function tryFindHeadEnd(bytes: Uint8Array): number {
  return blameOrigin(NO_HTTP, () => findHeadEnd(bytes));
}

function readResponse(head: Uint8Array, method: string): HttpResponse {
  return blameOrigin(NO_HTTP, () => understandResponse(parseHead(head), method));
}

export class OriginPool implements Disposable {
  readonly #kept = new Map<string, OriginConnection[]>();
  readonly #engine: TcpEngine;
  readonly #sweeper: Disposable;
  #closed = false;

  constructor(engine: TcpEngine) {
    this.#engine = engine;
    this.#sweeper = engine.clock.every(KEEP / 2, () => this.#sweep());
  }

  /** Takes the most recently used kept connection to an address; undefined if there is none. */
  take(address: Address): OriginConnection | undefined {
    if (this.#engine.namesClients) return undefined;
    const kept = this.#kept.get(keyOf(address));
    for (let link; (link = kept?.pop()) !== undefined;) {
      if (link.keptUntil > this.#engine.clock.now()) return link;
      link.connection.close();
    }
    return undefined;
  }

  /** @throws ProxyError `origin_unreachable`, `origin_timeout`, `client_gone` */
  async dial(address: Address, options: DialOptions): Promise<OriginConnection> {
    const dialled = await this.#engine.dial(address, { ...options, protocol: "http" });
    return new OriginConnection(address, dialled);
  }

  /** Keeps a connection whose last response has been read to its end. */
  give(link: OriginConnection): void {
    const key = keyOf(link.address);
    const kept = this.#kept.get(key) ?? [];
    const isOpen = !this.#closed && !this.#engine.namesClients;
    if (!isOpen || kept.length >= MAX_KEPT || link.inbox.length > 0) {
      link.connection.close();
      return;
    }
    link.keptUntil = this.#engine.clock.now() + KEEP;
    link.inbox.shrink();
    kept.push(link);
    this.#kept.set(key, kept);
    // Anything that arrives on an idle connection is its end or unsolicited.
    const drop = () => this.#drop(key, link);
    link.more().then(drop, drop);
  }

  /** Closes a connection if it is still idle. */
  #drop(key: string, link: OriginConnection): void {
    const kept = this.#kept.get(key);
    const index = kept?.indexOf(link) ?? -1;
    if (index < 0) return;
    kept!.splice(index, 1);
    link.connection.close();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#sweeper[Symbol.dispose]();
    for (const kept of this.#kept.values()) for (const link of kept) link.connection.close();
    this.#kept.clear();
  }

  #sweep(): void {
    const now = this.#engine.clock.now();
    for (const [key, kept] of this.#kept) {
      const fresh = kept.filter((link) => link.keptUntil > now);
      for (const link of kept) if (link.keptUntil <= now) link.connection.close();
      if (fresh.length > 0) this.#kept.set(key, fresh);
      else this.#kept.delete(key);
    }
  }
}

/** Connections checked against different certificate names are not interchangeable. */
function keyOf(address: Address): string {
  return `${formatAddress(address)} ${address.tls ?? ""}`;
}
