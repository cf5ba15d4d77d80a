// Certificates with their keys, as text, and how long they are valid. Plain data, so that threads can
// share it.

import { X509Certificate } from "node:crypto";
import { ProxyError } from "../../core/errors.ts";

/** A certificate followed by those of its authorities, and its key; all in PEM. */
export interface TlsPair {
  readonly certificate: string;
  readonly key: string;
}

/** What servers present to clients. */
export interface TlsKeys {
  /** At least one; the first is for clients that ask for no name or another one (RFC 6066 section 3). */
  readonly pairs: readonly TlsPair[];
  /**
   * Keys of session tickets, the same in all threads, so that a client may resume in any of them. At least
   * one; the first is used for new tickets, all of them for returning ones.
   */
  readonly ticketKeys: readonly Uint8Array<ArrayBuffer>[];
}

/** Whether the pairs are the same texts in the same order. */
export function isSamePairs(one: readonly TlsPair[], other: readonly TlsPair[]): boolean {
  return one.length === other.length && one.every(({ certificate, key }, at) => {
    return certificate === other[at]!.certificate && key === other[at]!.key;
  });
}

export interface CertificateFacts {
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** @throws ProxyError `bad_request` when the text contains no certificate */
export function certificateFacts(pem: string): CertificateFacts {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (cause) {
    throw new ProxyError("bad_request", "Cannot read a certificate in PEM", { cause });
  }
  return {
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
  };
}
