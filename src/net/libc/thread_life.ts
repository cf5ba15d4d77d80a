// Whether a thread of this process still runs (proc(5)), and how much CPU time it has used
// (clock_gettime(2)). The runtime does not say when a Worker has ended, and one in an endless loop never
// ends, even if told to.

const SYMBOLS = {
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
  access: { parameters: ["buffer", "i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

/** A link whose last part is the number of the calling thread. */
const THIS_THREAD = "/proc/thread-self";
const THREADS = "/proc/self/task";
const F_OK = 0;
const CLOCK_THREAD_CPUTIME_ID = 3;
const NANOSECONDS = 1e9;

export class ThreadLife implements Disposable {
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;

  private constructor(library: Deno.DynamicLibrary<typeof SYMBOLS>) {
    this.#library = library;
  }

  /** Undefined where there is no such C library or no permission to call it. */
  static open(): ThreadLife | undefined {
    if (Deno.build.os !== "linux") return undefined;
    try {
      return new ThreadLife(Deno.dlopen("libc.so.6", SYMBOLS));
    } catch {
      return undefined;
    }
  }

  /** The number of the calling thread; undefined when the system does not say. */
  get current(): number | undefined {
    const target = new Uint8Array(64);
    const { readlink } = this.#library.symbols;
    const length = Number(readlink(pathOf(THIS_THREAD), target, BigInt(target.length)));
    if (length <= 0) return undefined;
    const link = new TextDecoder().decode(target.subarray(0, length));
    return Number(link.split("/").at(-1));
  }

  /** CPU time of the calling thread in seconds; 0 when the system does not say. */
  get cpuTime(): number {
    const time = new BigInt64Array(2);
    this.#library.symbols.clock_gettime(CLOCK_THREAD_CPUTIME_ID, time);
    return Number(time[0]) + Number(time[1]) / NANOSECONDS;
  }

  /** Whether a thread that was running has not ended yet. */
  runs(thread: number): boolean {
    return this.#library.symbols.access(pathOf(`${THREADS}/${thread}`), F_OK) === 0;
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }
}

function pathOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
