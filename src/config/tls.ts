// Combines the TLS variables into where TLS is offered and with which certificates, and finds conflicts
// between them.

import { isSameAddress, type ListenAddress } from "../core/endpoint.ts";
import type { Values } from "./table.ts";

export interface TlsConfig {
  readonly rtmps: ListenAddress | undefined;
  readonly httpsServer: ListenAddress | undefined;
  readonly httpsApi: ListenAddress | undefined;
  readonly systemApi: ListenAddress | undefined;
  /** Paths of files; each key belongs to the certificate at the same place. */
  readonly certificates: readonly string[];
  readonly keys: readonly string[];
  readonly clientAuthorities: string | undefined;
  /** Path of a file; absent = the system's authorities. */
  readonly originAuthorities: string | undefined;
}

export function toTls(values: Values): TlsConfig {
  return {
    rtmps: values.PROXY_RTMPS_SERVER,
    httpsServer: values.PROXY_HTTPS_SERVER,
    httpsApi: values.PROXY_HTTPS_API,
    systemApi: values.PROXY_SYSTEM_API_TLS,
    certificates: values.PROXY_TLS_CERT,
    keys: values.PROXY_TLS_KEY,
    clientAuthorities: values.PROXY_SYSTEM_API_CLIENT_CA,
    originAuthorities: values.PROXY_ORIGIN_CA,
  };
}

const LISTENERS = [
  "PROXY_RTMPS_SERVER",
  "PROXY_HTTPS_SERVER",
  "PROXY_HTTPS_API",
  "PROXY_SYSTEM_API_TLS",
] as const;

/** Whether the HTTP API is at the HTTP server's port with TLS, as it is without. */
export function mayShareSecurePort(values: Partial<Values>): boolean {
  const { PROXY_HTTP_SERVER: server, PROXY_HTTP_API: api } = values;
  return server !== undefined && api !== undefined && isSameAddress(server, api);
}

/** Conflicts between values that are each valid on their own. */
export function findTlsConflicts(values: Partial<Values>): string[] {
  const { PROXY_TLS_CERT: certificates = [], PROXY_TLS_KEY: keys = [] } = values;
  const problems: string[] = [];
  if (certificates.length !== keys.length) {
    const counts = `${keys.length} for ${certificates.length}`;
    problems.push(
      `PROXY_TLS_KEY: Cannot use anything but one file for each certificate: current value is ${counts}`,
    );
  }
  const listener = LISTENERS.find((name) => values[name] !== undefined);
  if (listener !== undefined && certificates.length === 0) {
    problems.push(`${listener}: Cannot speak TLS while PROXY_TLS_CERT is empty`);
  }
  const authorities = values.PROXY_SYSTEM_API_CLIENT_CA;
  if (authorities !== undefined && values.PROXY_SYSTEM_API_TLS === undefined) {
    problems.push(
      "PROXY_SYSTEM_API_CLIENT_CA: Cannot ask for certificates while PROXY_SYSTEM_API_TLS is empty",
    );
  }
  const { PROXY_HTTPS_SERVER: server, PROXY_HTTPS_API: api } = values;
  const isApart = api !== undefined && (server === undefined || !isSameAddress(server, api));
  if (isApart && mayShareSecurePort(values)) {
    problems.push(
      "PROXY_HTTPS_API: Cannot have another port than PROXY_HTTPS_SERVER while PROXY_HTTP_API shares " +
        "that of PROXY_HTTP_SERVER",
    );
  }
  return problems;
}
