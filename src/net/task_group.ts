// Keeps track of promises that nobody awaits individually, so that shutdown can wait for all of them and
// no error is lost.

export class TaskGroup {
  readonly #tasks = new Set<Promise<void>>();
  readonly #onError: (error: unknown) => void;

  /** @param onError called with what a task throws; a task is expected to handle its own errors */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  get size(): number {
    return this.#tasks.size;
  }

  run(task: () => Promise<void>): void {
    const running = task().catch(this.#onError).finally(() => this.#tasks.delete(running));
    this.#tasks.add(running);
  }

  /** Resolves when no task is left, including those started in the meantime. */
  async idle(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.allSettled(this.#tasks);
  }
}
