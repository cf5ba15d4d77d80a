// Certificates with their keys, as text: plain data, so that threads can share it.

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
