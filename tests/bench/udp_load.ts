// The C programs of the UDP benchmarks, compiled once: a plain reference relay, and a load of
// clients and an origin.

import type { Child } from "../support/child.ts";
import { letRun } from "./comparing.ts";
import { Load, LoadPrograms } from "./load_programs.ts";
import { goFirst, pin, placed } from "./scheduling.ts";
import type { Contender } from "./turns.ts";

const RELAY_CORE = "0";
const LOAD_CORE = "1";

export interface UdpLoadOptions {
  readonly relayPort: number;
  readonly originPort: number;
  readonly sessions: number;
  /** Both directions together. */
  readonly packetsPerSecond: number;
  /** Before the first turn. */
  readonly warmUp: { readonly packetsPerSecond: number; readonly seconds: number };
  /** Size of each datagram in bytes. */
  readonly size: number;
  /** What each client sends until it is answered; may be empty. */
  readonly hellos: readonly Uint8Array[];
  /** First byte of all datagrams except hellos. */
  readonly head: number;
}

/** The results; latencies in milliseconds. */
export interface UdpFigures {
  readonly sent: number;
  readonly received: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The compiled programs; disposing of them removes them. */
export class UdpPrograms implements AsyncDisposable {
  readonly #programs: LoadPrograms;
  #loads = 0;

  private constructor(programs: LoadPrograms) {
    this.#programs = programs;
  }

  /** @throws Error when there is no C compiler */
  static async compile(): Promise<UdpPrograms> {
    return new UdpPrograms(await LoadPrograms.compile("udp_relay", "udp_load"));
  }

  /** The plain relay, listening. */
  relay(port: number, originPort: number): Promise<Child> {
    return this.#programs.relay("udp_relay", [port, originPort]);
  }

  /**
   * A load that takes turns with those of other relays; at rest, and its relay warm.
   *
   * @param stack owns it
   */
  async contender(
    stack: AsyncDisposableStack,
    pid: number,
    options: UdpLoadOptions,
  ): Promise<Contender<UdpFigures>> {
    const hellos = this.#programs.file(`hellos${++this.#loads}`);
    await Deno.writeFile(hellos, encodeHellos(options));
    const { relayPort, originPort, sessions, packetsPerSecond, warmUp, size, head } = options;
    const rates = [warmUp.packetsPerSecond, packetsPerSecond];
    const numbers = [relayPort, originPort, sessions, ...rates, size].map(String);
    await pin(pid, RELAY_CORE);
    const place = placed(LOAD_CORE, await goFirst(pid));
    const program = this.#programs.file("udp_load");
    const command = [...place, program, ...numbers, hellos, String(head)];
    const load = stack.use(new Load<UdpFigures>(command));
    await load.opened();
    await letRun(warmUp.seconds * 1000);
    await load.say();
    return { pid, load };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#programs[Symbol.asyncDispose]();
  }
}

function encodeHellos({ hellos, sessions }: UdpLoadOptions): Uint8Array {
  const bytes: number[] = [];
  for (let session = 0; session < sessions; session++) {
    const hello = hellos[session] ?? new Uint8Array();
    bytes.push(hello.length >> 8, hello.length & 0xff, ...hello);
  }
  return Uint8Array.from(bytes);
}
