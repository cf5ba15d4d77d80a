// The certificates of the program: reads their files, watches them, and passes their contents to all
// threads. A part of app.ts.

import type { Clock } from "../core/clock.ts";
import type { Metrics } from "../core/contracts.ts";
import { ProxyError, toProxyError } from "../core/errors.ts";
import { logger } from "../core/log.ts";
import type { TlsConfig } from "../config/tls.ts";
import { newTicketKey, TICKET_LIFE } from "../net/tls/session_tickets.ts";
import { certificateFacts } from "../net/tls/certificate_facts.ts";
import { isSamePairs, type TlsKeys, type TlsPair } from "../net/tls/tls_keys.ts";
import { TlsServer } from "../net/tls/tls_server.ts";
import { readPem } from "./read_pem.ts";

const LOG = logger("app");
const DAY = 86_400_000;
/** Milliseconds between two checks of the files. */
const WATCH = 10_000;
/** A certificate with fewer days left makes readiness `degraded`. */
const SOON = 14;

/** The contents of the files, unchecked. */
interface Texts {
  readonly pairs: readonly TlsPair[];
  /** Authorities of clients of the System API; absent = clients are not asked for a certificate. */
  readonly clientAuthorities: string | undefined;
}

/** The contents of the files, checked. */
interface ReadCertificates extends Texts {
  /** When the first certificate expires, milliseconds since 1970. */
  readonly notAfter: number;
}

/** The certificates in use by this process. */
export class Certificates implements Disposable {
  /** For the listeners of this thread. */
  readonly server: TlsServer;
  /** For the System API, which may ask for certificates. */
  readonly system: TlsServer;
  readonly #metrics: Metrics;
  readonly #watch: Disposable;
  readonly #rotation: Disposable;
  readonly #onReplaced: (keys: TlsKeys) => void;
  #files: TlsConfig;
  #read: ReadCertificates;
  /** In memory only: whoever has them can decrypt recorded TLS 1.2 connections. */
  #ticketKeys: TlsKeys["ticketKeys"] = [newTicketKey()];
  #isLooking = false;

  private constructor(files: TlsConfig, read: ReadCertificates, options: CertificatesOptions) {
    this.#files = files;
    this.#read = read;
    this.#metrics = options.metrics;
    this.#onReplaced = options.onReplaced;
    this.server = new TlsServer(this.keys);
    this.system = new TlsServer(this.keys, { authorities: read.clientAuthorities });
    this.#watch = options.clock.every(WATCH, () => void this.#look());
    this.#rotation = options.clock.every(TICKET_LIFE, () => this.#renewTicketKey());
  }

  /**
   * @returns undefined without TLS listeners
   * @throws ProxyError `internal` with one line that names the file and what is wrong with it
   */
  static async open(
    files: TlsConfig,
    options: CertificatesOptions,
  ): Promise<Certificates | undefined> {
    const { rtmps, httpsServer, httpsApi, systemApi } = files;
    if (!rtmps && !httpsServer && !httpsApi && !systemApi) return undefined;
    return new Certificates(files, await readCertificates(files), options);
  }

  /** For other threads. */
  get keys(): TlsKeys {
    return { pairs: this.#read.pairs, ticketKeys: this.#ticketKeys };
  }

  /** Whole days until the first certificate expires. */
  get daysLeft(): number {
    return Math.floor((this.#read.notAfter - Date.now()) / DAY);
  }

  /** What an operator should know about them. */
  get trouble(): string | undefined {
    const { daysLeft } = this;
    if (daysLeft >= SOON) return undefined;
    return daysLeft < 0 ? "A certificate has expired" : `A certificate expires in ${daysLeft} days`;
  }

  /** Reads files; nothing changes until the result is called. @throws ProxyError `internal` */
  async prepare(files: TlsConfig): Promise<() => void> {
    const read = await readCertificates(files);
    return () => {
      this.#files = files;
      this.#exchange(read);
    };
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    this.#rotation[Symbol.dispose]();
    this.server[Symbol.dispose]();
    this.system[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const files = this.#files;
      const texts = await readTexts(files);
      // Unchanged files need not be loaded and checked again.
      if (isSame(texts, this.#read)) return;
      const read = checkedTexts(files, texts);
      // Other files have been configured in the meantime, and read.
      if (files !== this.#files) return;
      this.#exchange(read);
      LOG.info("Certificates replaced", { days: this.daysLeft });
    } catch (error) {
      // Perhaps only one file of a pair has been replaced so far: the next check finds both.
      this.#metrics.count("srs_proxy_tls_reload_failures_total");
      LOG.warn("Cannot take over new certificates, the old ones are kept", { error });
    } finally {
      this.#isLooking = false;
    }
  }

  #exchange(read: ReadCertificates): void {
    // A client that resumes is shown no certificate, so it would keep relying on the old one.
    const isSame = isSamePairs(read.pairs, this.#read.pairs);
    this.#use(read, isSame ? this.#ticketKeys : [newTicketKey()]);
  }

  /** Tickets of the previous key remain valid for one more period; older ones do not. */
  #renewTicketKey(): void {
    this.#use(this.#read, [newTicketKey(), this.#ticketKeys[0]!]);
  }

  #use(read: ReadCertificates, ticketKeys: TlsKeys["ticketKeys"]): void {
    const keys = { pairs: read.pairs, ticketKeys };
    this.server.replace(keys);
    this.system.replace(keys, read.clientAuthorities);
    this.#read = read;
    this.#ticketKeys = ticketKeys;
    this.#onReplaced(keys);
  }
}

export interface CertificatesOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Called with new certificates, for other threads. */
  onReplaced(keys: TlsKeys): void;
}

async function readCertificates(files: TlsConfig): Promise<ReadCertificates> {
  return checkedTexts(files, await readTexts(files));
}

async function readTexts({ certificates, keys, clientAuthorities }: TlsConfig): Promise<Texts> {
  const pairs: TlsPair[] = [];
  for (const [at, path] of certificates.entries()) {
    pairs.push({ certificate: await readPem(path), key: await readPem(keys[at]!) });
  }
  const isAsked = clientAuthorities !== undefined;
  return { pairs, clientAuthorities: isAsked ? await readPem(clientAuthorities) : undefined };
}

function checkedTexts(
  files: TlsConfig,
  { pairs, clientAuthorities }: Texts,
): ReadCertificates {
  let notAfter = Infinity;
  for (const [at, path] of files.certificates.entries()) {
    const pair = pairs[at]!;
    const facts = checked(path, () => {
      new TlsServer({ pairs: [pair], ticketKeys: [] })[Symbol.dispose]();
      return certificateFacts(pair.certificate);
    });
    const now = Date.now();
    if (facts.notAfter <= now) throw unusable(path, `it ended on ${dateOf(facts.notAfter)}`);
    if (facts.notBefore > now) throw unusable(path, `it begins on ${dateOf(facts.notBefore)}`);
    notAfter = Math.min(notAfter, facts.notAfter);
  }
  if (clientAuthorities !== undefined) {
    checked(files.clientAuthorities!, () => certificateFacts(clientAuthorities));
  }
  return { pairs, clientAuthorities, notAfter };
}

function isSame(one: Texts, other: Texts): boolean {
  return one.clientAuthorities === other.clientAuthorities && isSamePairs(one.pairs, other.pairs);
}

function checked<T>(path: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw unusable(path, toProxyError(error).message);
  }
}

function unusable(path: string, why: string): ProxyError {
  return new ProxyError("internal", `Cannot use ${path}: ${why}`);
}

function dateOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
