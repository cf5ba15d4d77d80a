// Which hosts are vhosts of their own. SRS treats every host without a configured vhost as its default
// vhost, and a proxy cannot know what its origins have configured: so all hosts share the same streams,
// except for those listed here.

import { DEFAULT_VHOST } from "./stream_key.ts";

/** Host names, or `*.` and a domain for every name below it; lower case. */
export class Vhosts {
  readonly #names: ReadonlySet<string>;
  readonly #domains: ReadonlySet<string>;

  constructor(patterns: readonly string[]) {
    this.#names = new Set(patterns.filter((pattern) => !pattern.startsWith("*.")));
    this.#domains = new Set(
      patterns.filter((pattern) => pattern.startsWith("*.")).map((pattern) => pattern.slice(2)),
    );
  }

  has(host: string): boolean {
    if (this.#names.has(host)) return true;
    if (this.#domains.size === 0) return false;
    for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) {
      if (this.#domains.has(host.slice(dot + 1))) return true;
    }
    return false;
  }

  /** The key under which a stream is placed: with the default vhost unless the host is listed. */
  placed(key: string): string {
    const slash = key.indexOf("/");
    const vhost = key.slice(0, slash);
    return vhost === DEFAULT_VHOST || this.has(vhost) ? key : DEFAULT_VHOST + key.slice(slash);
  }
}
