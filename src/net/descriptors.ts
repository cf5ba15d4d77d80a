// How many file descriptors this process has open and may have (proc(5), getrlimit(2), getdents64(2)).
// Uses the C library, since Deno lets only programs with all permissions read /proc.

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  getdents64: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

const O_DIRECTORY_AND_CLOEXEC = Deno.build.arch === "aarch64" ? 0o2040000 : 0o2200000;
const RLIMIT_NOFILE = 7;
/** Offsets in `struct linux_dirent64` of the record's length and of its name. */
const RECORD_LENGTH = 16;
const RECORD_NAME = 19;
const DOT = 0x2e;

/** Looks at this process at each call. */
export class Descriptors implements Disposable {
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;
  readonly #folder = new TextEncoder().encode("/proc/self/fd\0");
  readonly #entries = new Uint8Array(32_768);

  private constructor(library: Deno.DynamicLibrary<typeof SYMBOLS>) {
    this.#library = library;
  }

  /** Undefined where there is no such C library or no permission to call it. */
  static open(): Descriptors | undefined {
    if (Deno.build.os !== "linux") return undefined;
    try {
      return new Descriptors(Deno.dlopen("libc.so.6", SYMBOLS));
    } catch {
      return undefined;
    }
  }

  /** Number open now; undefined when the system does not say, for instance because none is left to ask with. */
  count(): number | undefined {
    const { open, getdents64, close } = this.#library.symbols;
    const folder = open(this.#folder, O_DIRECTORY_AND_CLOEXEC);
    if (folder < 0) return undefined;
    let count = 0;
    let length = 0;
    do {
      length = Number(getdents64(folder, this.#entries, BigInt(this.#entries.length)));
      count += this.#countNames(Math.max(0, length));
    } while (length > 0);
    close(folder);
    // The listing itself had a descriptor open.
    return length < 0 ? undefined : count - 1;
  }

  /** The limit; undefined when the system does not say or sets none. */
  get limit(): number | undefined {
    const limits = new BigUint64Array(2);
    if (this.#library.symbols.getrlimit(RLIMIT_NOFILE, limits) !== 0) return undefined;
    const soft = Number(limits[0]);
    return Number.isSafeInteger(soft) ? soft : undefined;
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }

  #countNames(length: number): number {
    let count = 0;
    for (let at = 0; at < length;) {
      if (this.#entries[at + RECORD_NAME] !== DOT) count++;
      at += this.#entries[at + RECORD_LENGTH]! | (this.#entries[at + RECORD_LENGTH + 1]! << 8);
    }
    return count;
  }
}
