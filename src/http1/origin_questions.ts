// Asks the HTTP APIs of origins what the proxy itself wants to know. Every question uses a new
// connection, because SRS closes it after each answer. Knows neither what is asked nor which
// origins there are.

import { textOfBytes } from "../core/binary_text.ts";
import type { Clock } from "../core/clock.ts";
import { formatAddress } from "../core/endpoint.ts";
import { FailedAddresses } from "../core/failed_addresses.ts";
import { isOriginFault, ProxyError } from "../core/errors.ts";
import { MAX_ADDRESSES } from "../core/try_origins.ts";
import type { HopMark } from "../core/hop_mark.ts";
import type { Address } from "../core/address.ts";
import type { Origin } from "../core/origin.ts";
import type { OriginQuestion, OriginQuestions, OriginReply } from "../core/origin_questions.ts";
import type { TcpEngine } from "../net/engine.ts";
import { encodeHead } from "../protocol/http/head.ts";
import { OriginConnection } from "./origin_pool.ts";
import { readBody } from "./read_body.ts";

export interface OriginAskerOptions {
  readonly engine: TcpEngine;
  readonly clock: Pick<Clock, "now">;
  readonly hopMark: HopMark;
  /** The proxy's User-Agent. */
  readonly agent: string;
  /** Resolves an origin's host names to addresses. */
  resolved(origin: Origin): Promise<Origin>;
  /** `user:password` for the APIs of origins; undefined if they need none. */
  credentials(): string | undefined;
}

/** Asks one origin with each call; calls may run concurrently. */
export class OriginAsker implements OriginQuestions {
  readonly #options: OriginAskerOptions;
  readonly #failures = new FailedAddresses();

  constructor(options: OriginAskerOptions) {
    this.#options = options;
  }

  async ask(origin: Origin, question: OriginQuestion, timeout: number): Promise<OriginReply> {
    const { clock } = this.#options;
    const end = clock.now() + timeout;
    const { endpoints } = await this.#options.resolved(origin);
    const ordered = this.#failures.ordered(endpoints.api, clock.now());
    const addresses = ordered.slice(0, MAX_ADDRESSES);
    using link = await this.#dial(addresses, end);
    return await this.#askAt(link, question, end);
  }

  /** Dials the addresses in turn; one that never responds leaves time for the next. */
  async #dial(addresses: readonly Address[], end: number): Promise<OriginConnection> {
    const { clock, engine } = this.#options;
    let failure = new ProxyError("origin_unreachable", "Origin has no address to dial");
    for (const [index, address] of addresses.entries()) {
      const timeout = Math.floor((end - clock.now()) / (addresses.length - index));
      if (timeout <= 0) break;
      try {
        const connection = await engine.dial(address, { timeout, protocol: "http" });
        this.#failures.answered(address, clock.now());
        return new OriginConnection(address, connection);
      } catch (error) {
        if (!isOriginFault(error)) throw error;
        this.#failures.failed(address, clock.now());
        failure = error;
      }
    }
    throw failure;
  }

  async #askAt(
    link: OriginConnection,
    question: OriginQuestion,
    end: number,
  ): Promise<OriginReply> {
    const { clock } = this.#options;
    const left = () => Math.max(1, end - clock.now());
    const { method, body, limit, memory } = question;
    const request = {
      method,
      client: link.address,
      head: this.#head(link.address, question),
      body: body?.bytes,
    };
    const response = await link.ask(request, left());
    return {
      status: response.status,
      type: response.fields.get("content-type") ?? "",
      location: response.fields.get("location"),
      body: await readBody(link, response, { timeout: left(), limit, memory }),
    };
  }

  #head(address: Address, { method, target, body }: OriginQuestion): Uint8Array {
    const { hopMark, agent } = this.#options;
    const credentials = this.#options.credentials();
    const authorization = credentials === undefined ? [] : [
      { name: "Authorization", value: `Basic ${toBase64(credentials)}` },
    ];
    return encodeHead(`${method} ${target} HTTP/1.1`, [
      { name: "Host", value: formatAddress(address) },
      { name: "User-Agent", value: agent },
      { name: "Accept", value: "*/*" },
      { name: "Via", value: hopMark.via("1.1") },
      ...authorization,
      ...(body === undefined ? [] : [
        { name: "Content-Type", value: body.type },
        { name: "Content-Length", value: String(body.bytes.length) },
      ]),
      { name: "Connection", value: "close" },
    ]);
  }
}

function toBase64(text: string): string {
  return btoa(textOfBytes(new TextEncoder().encode(text)));
}
