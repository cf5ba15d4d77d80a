// The part of the table of variables about TLS, towards clients and towards origins.

import { listenAddress, optional, paths, text } from "./kinds.ts";
import { atStart, live } from "./variable.ts";

export const TLS = {
  PROXY_RTMPS_SERVER: atStart(
    optional(listenAddress),
    "",
    "RTMP publishers and players over TLS (TCP); empty = none",
  ),
  PROXY_HTTPS_SERVER: atStart(
    optional(listenAddress),
    "",
    "HTTP streams, pages and WebRTC signalling over TLS (TCP); empty = none",
  ),
  PROXY_HTTPS_API: atStart(optional(listenAddress), "", "HTTP API over TLS (TCP); empty = none"),
  PROXY_SYSTEM_API_TLS: atStart(
    optional(listenAddress),
    "",
    "System API over TLS (TCP); empty = none",
  ),
  PROXY_TLS_CERT: live(
    paths,
    "",
    "Certificate files in PEM, each with its authorities' certificates after it; the first is for " +
      "clients that ask for no name or an unknown one",
  ),
  PROXY_TLS_KEY: live(paths, "", "Their key files in PEM, in the same order"),
  PROXY_SYSTEM_API_CLIENT_CA: live(
    optional(text),
    "",
    "File of authorities in PEM: only origins with a certificate from them may register, over TLS",
  ),
  PROXY_ORIGIN_CA: live(
    optional(text),
    "",
    "File of authorities in PEM, trusted for origins' certificates (rtmps://, https://); empty = the " +
      "system's",
  ),
};
