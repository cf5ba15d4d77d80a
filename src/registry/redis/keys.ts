// The names of all keys in Redis. They share one hash tag, so that in a cluster they are on one node and a
// script may touch several (Redis cluster specification, "Hash tags").

const TAG = "{srs-proxy}";

/** The key names under one prefix. */
export class Keys {
  /** Ids of origins, by time of expiry. */
  readonly origins: string;
  /** Stream keys, by time of expiry. */
  readonly streams: string;
  /** Users of WebRTC sessions, by time of expiry. */
  readonly sessions: string;
  /** Where proxies listen, by time of their last announcement. */
  readonly proxies: string;
  /** Operators' settings for origins, all in one value. */
  readonly settings: string;
  /** Number of the last change. */
  readonly version: string;
  /** Written to check that Redis accepts writes. */
  readonly probe: string;
  /** Where changes are published. */
  readonly channel: string;
  readonly #base: string;

  constructor(prefix: string) {
    this.#base = `${prefix}${TAG}:`;
    this.origins = `${this.#base}origins`;
    this.streams = `${this.#base}streams`;
    this.sessions = `${this.#base}sessions`;
    this.proxies = `${this.#base}proxies`;
    this.settings = `${this.#base}settings`;
    this.version = `${this.#base}version`;
    this.probe = `${this.#base}probe`;
    this.channel = `${this.#base}changes`;
  }

  origin(id: string): string {
    return `${this.#base}origin:${id}`;
  }

  stream(stream: string): string {
    return `${this.#base}stream:${stream}`;
  }

  /** Sessions that a proxy has reported. */
  counts(writer: string): string {
    return `${this.#base}counts:${writer}`;
  }

  session(user: string): string {
    return `${this.#base}session:${user}`;
  }
}
