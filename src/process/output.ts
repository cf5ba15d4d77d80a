// The program's standard outputs. Their readers may stop reading; the program goes on, and waits for
// them only at its end, and briefly.

import type { Clock } from "../core/clock.ts";
import { LineOutlet } from "../core/line_outlet.ts";
import { logger } from "../core/log.ts";

/** Bytes kept for a slow reader of one output: several thousand lines. */
const CAPACITY = 1024 * 1024;
/** Milliseconds for which the program waits for the readers at its end. */
const LAST_WORDS = 500;

const LOG = logger("app");

/** An output whose writes wait for its reader. */
export interface ByteStream {
  /** @returns how many of the bytes were written */
  write(bytes: Uint8Array): Promise<number>;
}

export interface StandardOutputs {
  readonly output: ByteStream;
  readonly errors: ByteStream;
}

/** Writes lines to both outputs; disposing of it writes what is waiting, if that can be done soon. */
export class ProcessOutput implements AsyncDisposable {
  readonly #output: LineOutlet;
  readonly #errors: LineOutlet;

  constructor({ output, errors }: StandardOutputs, clock: Clock) {
    const capacity = CAPACITY;
    this.#output = new LineOutlet({ write: (bytes) => output.write(bytes), capacity, clock });
    this.#errors = new LineOutlet({
      write: (bytes) => errors.write(bytes),
      ...{ capacity, clock },
      onRoom: (lines) => LOG.error("Log lines lost: their reader was too slow", { lines }),
    });
  }

  /** Number of log lines lost. */
  get lost(): number {
    return this.#errors.lost;
  }

  /** Prints one line, without its line break, to standard output. */
  print(line: string): void {
    this.#output.push(line);
  }

  /** The same for standard error, where the log goes too. */
  printError(line: string): void {
    this.#errors.push(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#output.flush(LAST_WORDS), this.#errors.flush(LAST_WORDS)]);
  }
}
