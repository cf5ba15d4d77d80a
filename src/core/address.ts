// Where something can be reached. Plain data.

/**
 * An address to dial: `host` is an IP address without brackets, `port` is 1–65535. In the registry `host`
 * may be a name; relays get addresses in its place.
 */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** TLS is spoken there, with a certificate for this host name or IP address; plainly when absent. */
  readonly tls?: string;
}
