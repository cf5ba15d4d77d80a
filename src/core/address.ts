// A network address as plain data.

/**
 * An address to dial: `host` is an IP address without brackets, `port` is 1–65535. In the registry `host`
 * may be a name; relays get it with the name resolved.
 */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** If present, TLS is used, with a certificate for this host name or IP address. */
  readonly tls?: string;
}
