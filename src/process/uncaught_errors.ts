// Uncaught errors: the program ends with them, cleanly. The runtime would first write them to
// standard error, where a reader that has stopped would keep the process from ending.

/** Catches them from its creation until it is disposed of. */
export class UncaughtErrors implements Disposable {
  /** Resolves with the first one. */
  readonly first: Promise<{ readonly error: unknown }>;
  readonly #stack = new DisposableStack();

  constructor() {
    const { promise, resolve } = Promise.withResolvers<{ error: unknown }>();
    this.first = promise;
    const onError = (event: ErrorEvent) => {
      event.preventDefault();
      resolve({ error: event.error });
    };
    const onRejection = (event: PromiseRejectionEvent) => {
      event.preventDefault();
      resolve({ error: event.reason });
    };
    addEventListener("error", onError);
    addEventListener("unhandledrejection", onRejection);
    this.#stack.defer(() => removeEventListener("error", onError));
    this.#stack.defer(() => removeEventListener("unhandledrejection", onRejection));
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}
