// The smallest relay that the UDP engine can carry: one link for each client address, everything
// both ways. A Worker's module, for the tests and benches of the engine itself.

import { systemClock } from "../../src/core/clock.ts";
import type { Address } from "../../src/core/address.ts";
import { AddressTable } from "../../src/net/udp/address_table.ts";
import type { Datagram, UdpEngine, UdpLink } from "../../src/net/udp/port.ts";
import { serveUdpThread, type ThreadRelay } from "../../src/net/udp/serve_thread.ts";

/** Where everything goes. */
export interface ForwarderInit {
  readonly origin: Address;
  readonly maxClients: number;
}

/** Closes all links; fails on purpose, at its next tick or where nobody catches it; stands still; opens and closes links without using them. */
export type ForwarderCommand =
  | { readonly type: "close_links" }
  | { readonly type: "fail" | "throw" | "reject" }
  | { readonly type: "stand_still"; readonly milliseconds: number }
  | { readonly type: "churn"; readonly count: number };

/** What has happened. */
export type ForwarderReport =
  | { readonly type: "refused"; readonly link: number }
  | { readonly type: "links"; readonly open: number }
  | { readonly type: "churned"; readonly error: string };

/** A client whose first byte is this is sent its own datagram back by the relay. */
export const ECHO = 0xee;
/** A client whose first byte is this closes its own link in the middle of a batch. */
export const CLOSE = 0xcc;

class Forwarder implements ThreadRelay<ForwarderCommand> {
  readonly #engine: UdpEngine;
  readonly #init: ForwarderInit;
  readonly #report: (report: ForwarderReport) => void;
  readonly #table: AddressTable;
  readonly #links = new Map<number, { link: UdpLink; client: Uint8Array }>();
  #shouldFail = false;

  constructor(
    { init, engine, report }: {
      init: ForwarderInit;
      engine: UdpEngine;
      report: (report: ForwarderReport) => void;
    },
  ) {
    this.#engine = engine;
    this.#init = init;
    this.#report = report;
    this.#table = new AddressTable(init.maxClients);
  }

  fromClient({ buffer, length, sender }: Datagram): UdpLink | undefined {
    if (buffer[0] === ECHO) {
      this.#engine.sendToClient(sender, buffer.subarray(0, length));
      return undefined;
    }
    const known = this.#links.get(this.#table.get(sender));
    if (buffer[0] === CLOSE && known) this.#close(known.link);
    return known?.link ?? this.#open(sender);
  }

  fromOrigin(): boolean {
    return true;
  }

  refused(link: UdpLink): void {
    this.#report({ type: "refused", link: link.id });
    this.#close(link);
  }

  tick(): void {
    if (this.#shouldFail) this.#fail();
  }

  command(command: ForwarderCommand): void {
    if (command.type === "fail") this.#shouldFail = true;
    else if (command.type === "throw") queueMicrotask(() => this.#fail());
    else if (command.type === "reject") void Promise.resolve().then(() => this.#fail());
    else if (command.type === "churn") this.#churn(command.count);
    else if (command.type === "stand_still") standStill(command.milliseconds);
    else {
      for (const { link } of [...this.#links.values()]) this.#close(link);
      this.#report({ type: "links", open: this.#links.size });
    }
  }

  end(): void {}

  #fail(): never {
    throw new Error("on purpose");
  }

  #open(sender: Uint8Array): UdpLink {
    const link = this.#engine.openLink(this.#init.origin);
    link.setClient(sender);
    this.#table.set(sender, link.id);
    this.#links.set(link.id, { link, client: sender.slice() });
    return link;
  }

  #close(link: UdpLink): void {
    const known = this.#links.get(link.id);
    if (known) this.#table.delete(known.client);
    this.#links.delete(link.id);
    link.close();
  }

  #churn(count: number): void {
    let error = "";
    try {
      for (let done = 0; done < count; done++) this.#engine.openLink(this.#init.origin).close();
      while (true) this.#engine.openLink(this.#init.origin);
    } catch (thrown) {
      error = String((thrown as { code?: unknown }).code);
    }
    this.#report({ type: "churned", error });
  }
}

function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

serveUdpThread<ForwarderInit, ForwarderCommand, ForwarderReport>(
  systemClock,
  (parts) => new Forwarder(parts),
);
