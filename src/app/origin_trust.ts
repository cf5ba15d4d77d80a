// Which authorities are trusted in origins' certificates: reads the file, watches it, and passes its
// contents to all threads. A part of app.ts.

import type { Clock } from "../core/clock.ts";
import type { Metrics } from "../core/contracts.ts";
import { formatAddress } from "../core/endpoint.ts";
import { ProxyError, toProxyError } from "../core/errors.ts";
import { logger } from "../core/log.ts";
import type { TlsFailure } from "../net/securing_engine.ts";
import { TlsClient } from "../net/tls/tls_client.ts";
import { certificateFacts } from "../net/tls/certificate_facts.ts";
import { readPem } from "./read_pem.ts";

const LOG = logger("app");
/** Milliseconds between two checks of the file. */
const WATCH = 10_000;

export interface OriginTrustOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Called with new authorities, for other threads; undefined = the system's. */
  onReplaced(authorities: string | undefined): void;
}

/** The authorities in use by this process. */
export class OriginTrust implements Disposable {
  /** For the connections of this thread. */
  readonly client: TlsClient;
  readonly #options: OriginTrustOptions;
  readonly #watch: Disposable;
  #file: string | undefined;
  #authorities: string | undefined;
  #isLooking = false;

  private constructor(
    file: string | undefined,
    authorities: string | undefined,
    options: OriginTrustOptions,
  ) {
    this.#file = file;
    this.#authorities = authorities;
    this.#options = options;
    this.client = new TlsClient(authorities);
    this.#watch = options.clock.every(WATCH, () => void this.#look());
  }

  /** @throws ProxyError `internal` with one line that names the file and what is wrong with it */
  static async open(file: string | undefined, options: OriginTrustOptions): Promise<OriginTrust> {
    return new OriginTrust(file, await readAuthorities(file), options);
  }

  /** In PEM, for other threads; undefined = the system's. */
  get authorities(): string | undefined {
    return this.#authorities;
  }

  /** Reads a file; nothing changes until the result is called. @throws ProxyError `internal` */
  async prepare(file: string | undefined): Promise<() => void> {
    const authorities = await readAuthorities(file);
    return () => {
      this.#file = file;
      this.#exchange(authorities);
    };
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    this.client[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    const file = this.#file;
    if (file === undefined || this.#isLooking) return;
    this.#isLooking = true;
    try {
      const authorities = await readAuthorities(file);
      if (this.#file !== file || authorities === this.#authorities) return;
      this.#exchange(authorities);
      LOG.info("Authorities of origins replaced");
    } catch (error) {
      this.#options.metrics.count("srs_proxy_tls_reload_failures_total");
      LOG.warn("Cannot take over new authorities of origins, the old ones are kept", { error });
    } finally {
      this.#isLooking = false;
    }
  }

  #exchange(authorities: string | undefined): void {
    this.#authorities = authorities;
    this.client.replace(authorities);
    this.#options.onReplaced(authorities);
  }
}

/** For operators: clients only learn that their origin cannot be reached. */
export function logTlsFailure({ address, why }: TlsFailure): void {
  // Failures of one origin count as one kind.
  const error = new Error(`${formatAddress(address)} as ${address.tls}: ${why}`);
  LOG.warn("Cannot speak TLS with an origin", { error });
}

async function readAuthorities(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readPem(file);
  try {
    certificateFacts(text);
  } catch (error) {
    throw new ProxyError("internal", `Cannot use ${file}: ${toProxyError(error).message}`);
  }
  return text;
}
