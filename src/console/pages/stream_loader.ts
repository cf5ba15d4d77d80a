// Loads a stream for mpegts.js. Its own loader does not end a request in Chromium until the next bytes come:
// of a stream that has fallen silent one connection would be left by each attempt.

/// <reference lib="dom" />

import { mpegts } from "./mpegts.ts";

const { BaseLoader, LoaderStatus, LoaderErrors } = mpegts;

/** For the setting `customLoader`. */
export class StreamLoader extends BaseLoader {
  readonly #leave = new AbortController();

  constructor() {
    super("stream-loader");
  }

  override open({ url }: { readonly url: string }): void {
    this._status = LoaderStatus.kConnecting;
    this.#load(url).catch((error: Error) => {
      if (this.#leave.signal.aborted) return;
      const hasBegun = this._status === LoaderStatus.kBuffering;
      this.#fail(hasBegun ? LoaderErrors.EARLY_EOF : LoaderErrors.EXCEPTION, error.message);
    });
  }

  override abort(): void {
    this.#leave.abort();
  }

  override destroy(): void {
    this.abort();
    super.destroy();
  }

  async #load(url: string): Promise<void> {
    const { signal } = this.#leave;
    const { ok, status, statusText, body } = await fetch(url, { signal });
    if (!ok) {
      await body?.cancel();
      return this.#fail(LoaderErrors.HTTP_STATUS_CODE_INVALID, statusText, status);
    }
    let received = 0;
    for (const reader = body!.getReader();;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return;
      if (done) break;
      this._status = LoaderStatus.kBuffering;
      const { buffer, byteOffset, byteLength } = value;
      const bytes = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
      received += byteLength;
      this.onDataArrival?.(bytes, received - byteLength, received);
    }
    this._status = LoaderStatus.kComplete;
    this.onComplete?.(0, received - 1);
  }

  #fail(kind: string, msg: string, code = -1): void {
    this._status = LoaderStatus.kError;
    // The package's types ask for the list of all kinds.
    this.onError?.(kind as never, { code, msg });
  }
}
