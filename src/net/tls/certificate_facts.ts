// How long a certificate is valid. Not for lanes: `node:crypto` takes two megabytes of each thread.

import { X509Certificate } from "node:crypto";
import { ProxyError } from "../../core/errors.ts";

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
