// Runs promises that nobody awaits individually, so that shutdown can wait for all of them and no error is
// lost. Keeps nothing for each: most of them are connections that last for hours.

export class TaskGroup {
  #running = 0;
  #idle: PromiseWithResolvers<void> | undefined;
  readonly #done: () => void;
  readonly #failed: (error: unknown) => void;

  /** @param onError called with what a task throws; a task is expected to handle its own errors */
  constructor(onError: (error: unknown) => void) {
    this.#done = () => {
      if (--this.#running > 0) return;
      this.#idle?.resolve();
      this.#idle = undefined;
    };
    this.#failed = (error) => {
      try {
        onError(error);
      } finally {
        this.#done();
      }
    };
  }

  get size(): number {
    return this.#running;
  }

  run(task: () => Promise<void>): void {
    this.#running++;
    task().then(this.#done, this.#failed);
  }

  /** Resolves when no task is left, including those started in the meantime. */
  async idle(): Promise<void> {
    while (this.#running > 0) {
      this.#idle ??= Promise.withResolvers();
      await this.#idle.promise;
    }
  }
}
