// Certificates with their keys, as text: what is in them, and which one a client that asks for a name
// gets (RFC 6066 section 3, RFC 6125 section 6.4). Plain data, so that threads can share it.

import { X509Certificate } from "node:crypto";
import { ProxyError } from "../../core/errors.ts";

/** A certificate, those of its authorities behind it, and its key; all in PEM. */
export interface TlsPair {
  readonly certificate: string;
  readonly key: string;
}

/** What servers show to clients. */
export interface TlsKeys {
  /** At least one; the first is for clients that ask for no name or an unknown one. */
  readonly pairs: readonly TlsPair[];
  /** Of session tickets, the same in all threads, so that a client may come back to any of them. */
  readonly ticketKeys: Uint8Array<ArrayBuffer>;
}

/** What a certificate says. */
export interface CertificateFacts {
  /** Host names, `*.` patterns among them, in lower case. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** @throws ProxyError `bad_request` when the text holds no certificate */
export function certificateFacts(pem: string): CertificateFacts {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (cause) {
    throw new ProxyError("bad_request", "Cannot read a certificate in PEM", { cause });
  }
  const alternatives = certificate.subjectAltName ?? "";
  const names = [...alternatives.matchAll(/DNS:([^,\s]+)/g)].map(([, name]) => name!.toLowerCase());
  return {
    names,
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
  };
}

/** The place of the pair for a name: one that says so, else one with a pattern, else the first. */
export function pairFor(name: string | undefined, pairs: readonly CertificateFacts[]): number {
  const asked = name?.toLowerCase().replace(/\.$/, "") ?? "";
  const exact = pairs.findIndex(({ names }) => names.includes(asked));
  if (exact >= 0) return exact;
  const dot = asked.indexOf(".");
  const pattern = dot > 0 ? `*${asked.slice(dot)}` : "";
  return Math.max(0, pairs.findIndex(({ names }) => names.includes(pattern)));
}
