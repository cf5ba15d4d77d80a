// The C programs of the UDP benchmarks, compiled once: a plain reference relay, and a load of
// clients and an origin.

import { Child } from "../support/child.ts";
import { within } from "../support/wait.ts";
import { letRun } from "./comparing.ts";
import { cpuSeconds } from "./process_figures.ts";
import { goFirst, pin, placed } from "./scheduling.ts";

const OPEN_DEADLINE = 60_000;
const WARM_UP_MS = 3_000;
const RELAY_CORE = "0";
const LOAD_CORE = "1";

export interface UdpLoadOptions {
  readonly relayPort: number;
  readonly originPort: number;
  readonly sessions: number;
  /** Both directions together. */
  readonly packetsPerSecond: number;
  readonly seconds: number;
  /** Size of each datagram in bytes. */
  readonly size: number;
  /** What each client sends until it is answered; may be empty. */
  readonly hellos: readonly Uint8Array[];
  /** First byte of all datagrams except hellos. */
  readonly head: number;
}

/** The results; latencies in milliseconds. */
export interface UdpFigures {
  /** CPU microseconds of the relay per received packet. */
  readonly cost: number;
  /** Share of a core that the relay has used. */
  readonly core: number;
  readonly sent: number;
  readonly received: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** A folder with the compiled programs; disposing of it removes it. */
export class UdpPrograms implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws Error when there is no C compiler */
  static async compile(): Promise<UdpPrograms> {
    const folder = await Deno.makeTempDir();
    for (const name of ["udp_relay", "udp_load"]) {
      const source = new URL(`./${name}.c`, import.meta.url).pathname;
      const { success, stderr } = await new Deno.Command("gcc", {
        args: ["-O2", "-o", `${folder}/${name}`, source],
      }).output();
      if (!success) throw new Error(new TextDecoder().decode(stderr));
    }
    return new UdpPrograms(folder);
  }

  /** The plain relay, listening. */
  async relay(port: number, originPort: number): Promise<Child> {
    const ready = Promise.withResolvers<void>();
    const relay = new Child({
      command: `${this.#folder}/udp_relay`,
      args: [String(port), String(originPort)],
      onOutputLine: () => ready.resolve(),
    });
    await within("the plain relay", OPEN_DEADLINE, ready.promise);
    return relay;
  }

  /** Runs a load through a relay. */
  async measure(pid: number, options: UdpLoadOptions): Promise<UdpFigures> {
    const hellos = `${this.#folder}/hellos`;
    await Deno.writeFile(hellos, encodeHellos(options));
    const { relayPort, originPort, sessions, packetsPerSecond, seconds, size, head } = options;
    const numbers = [relayPort, originPort, sessions, packetsPerSecond, seconds, size];
    await pin(pid, RELAY_CORE);
    const [command, ...placing] = placed(LOAD_CORE, await goFirst(pid));
    const load = new Deno.Command(command!, {
      args: [
        ...[...placing, `${this.#folder}/udp_load`],
        ...[...numbers.map(String), hellos, String(head)],
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const lines = load.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const opened = await within("the load", OPEN_DEADLINE, lines.read());
    if (opened.value !== "open\n") throw new Error(`Cannot start the load: ${opened.value}`);
    await letRun(WARM_UP_MS);
    const before = cpuSeconds(pid);
    const writer = load.stdin.getWriter();
    await writer.write(new TextEncoder().encode("\n"));
    await writer.close();
    const { value = "{}" } = await lines.read();
    const used = cpuSeconds(pid) - before;
    await lines.cancel();
    await load.status;
    const figures = JSON.parse(value) as Omit<UdpFigures, "cost" | "core">;
    return { ...figures, cost: used * 1e6 / figures.received, core: used / seconds };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
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
