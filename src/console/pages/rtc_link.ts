// One WebRTC session with the proxy, by WHIP or WHEP: offer, answer, end. RFC 9725. Knows no media; its owner
// adds tracks to the connection first and reads them afterwards.

/// <reference lib="dom" />

import {
  describeFailure,
  describeRefusal,
  type Failure,
  FailureError,
  LOST,
  NO_MEDIA_PATH,
  UNREACHABLE,
} from "./failures.ts";

export interface RtcLinkOptions {
  readonly url: string;
  /** For the HTTP API; empty if there is none. */
  readonly token: string;
  /** Adds tracks to the connection before the offer is made. */
  readonly prepare: (connection: RTCPeerConnection) => void;
  readonly onConnected: () => void;
  /** Called at most once, and not after `close`: the session has ended or could not begin. */
  readonly onEnd: (failure: Failure) => void;
}

/** A session; `close` ends it here and at the origin. */
export class RtcLink {
  readonly connection = new RTCPeerConnection();
  readonly #options: RtcLinkOptions;
  readonly #leave = new AbortController();
  #session: URL | undefined;
  #isOver = false;
  #hasConnected = false;

  constructor(options: RtcLinkOptions) {
    this.#options = options;
    const { connection } = this;
    options.prepare(connection);
    connection.addEventListener("connectionstatechange", () => this.#onState());
    globalThis.addEventListener("pagehide", () => this.close(), { signal: this.#leave.signal });
    this.#negotiate().catch((error: Error) => {
      this.#end(error instanceof FailureError ? error.failure : describeFailure(error.message));
    });
  }

  close(): void {
    this.#isOver = true;
    this.#leave.abort();
    this.connection.close();
    this.#delete();
  }

  async #negotiate(): Promise<void> {
    const { connection } = this;
    await connection.setLocalDescription(await connection.createOffer());
    // Does not wait for local candidates: the proxy learns the address from the first packets.
    const response = await this.#ask(this.#options.url, "POST", connection.localDescription!.sdp);
    const text = await response.text();
    if (response.status !== 201) {
      throw new FailureError(describeRefusal(response.status, detailOf(text)));
    }
    const location = response.headers.get("location");
    if (location !== null) this.#session = new URL(location, response.url);
    if (this.#isOver) return this.#delete();
    await connection.setRemoteDescription({ type: "answer", sdp: text });
  }

  async #ask(url: string, method: string, body: string): Promise<Response> {
    const headers = { ...this.#authorization(), "content-type": "application/sdp" };
    try {
      return await fetch(url, { method, headers, body });
    } catch {
      throw new FailureError(UNREACHABLE);
    }
  }

  /** The request may outlive the page. */
  #delete(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    fetch(session, { method: "DELETE", headers: this.#authorization(), keepalive: true })
      .catch(() => {});
  }

  #authorization(): Record<string, string> {
    const { token } = this.#options;
    return token === "" ? {} : { authorization: `Bearer ${token}` };
  }

  #onState(): void {
    const { connectionState } = this.connection;
    if (connectionState === "connected") {
      this.#hasConnected = true;
      this.#options.onConnected();
    }
    if (connectionState === "failed") this.#end(this.#hasConnected ? LOST : NO_MEDIA_PATH);
  }

  #end(failure: Failure): void {
    if (this.#isOver) return;
    this.close();
    this.#options.onEnd(failure);
  }
}

/** The proxy's message in its JSON; anything else comes from another program. */
function detailOf(text: string): string {
  try {
    const { data } = JSON.parse(text);
    return typeof data === "string" ? data : "";
  } catch {
    return "";
  }
}
