// What the running program writes to its standard outputs. Whoever reads them may stop, and the
// program goes on: it waits for them only at its end, and briefly.

import type { Clock } from "../core/clock.ts";
import { LineOutlet } from "../core/line_outlet.ts";
import { logger } from "../core/log.ts";

/** Bytes that wait for the reader of one output: some thousand lines. */
const CAPACITY = 1024 * 1024;
/** How long the program waits for them at its end, milliseconds. */
const LAST_WORDS = 500;

const LOG = logger("app");

/** A stream of bytes whose writes wait for its reader. */
export interface ByteStream {
  /** @returns how many of the bytes were written */
  write(bytes: Uint8Array): Promise<number>;
}

export interface StandardOutputs {
  readonly output: ByteStream;
  readonly errors: ByteStream;
}

/** Lines for both outputs; disposing of it writes what waits, if that can be done soon. */
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

  /** Lines of the log that were lost. */
  get lost(): number {
    return this.#errors.lost;
  }

  /** One line, without its line break, for the standard output. */
  print(line: string): void {
    this.#output.push(line);
  }

  /** The same for the standard error output, where the log goes too. */
  printError(line: string): void {
    this.#errors.push(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#output.flush(LAST_WORDS), this.#errors.flush(LAST_WORDS)]);
  }
}
