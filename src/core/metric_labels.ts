// Label values that several metrics share.

export const INTENTS = ["publish", "play"] as const;
/** Who sent something: the same words in all protocols. */
export const DIRECTIONS = ["from_clients", "from_origins"] as const;
export const STATUSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;
/** Which limit of a listener was reached. */
export const LIMITS = ["limit_total", "limit_per_address", "limit_descriptors"] as const;
/** Why a connection was refused before it was served: its PROXY header, or TLS. */
export const HEADERS = ["proxy_header", "proxy_untrusted", "tls_handshake"] as const;
/** Which memory limit for unidentified clients was reached. */
export const MEMORY = ["memory_address", "memory_total"] as const;
/** What any HTTP listener may refuse, whatever is behind it. */
export const HTTP_REFUSALS = [
  ...[...LIMITS, ...HEADERS, ...MEMORY],
  ...["bad_request", "head_timeout", "method"] as const,
] as const;
/** Why the proxy itself ends sessions. */
export const ENDED_BY = ["kicked", "origin_down", "stream_moved"] as const;

/** Keeps the literal types of words that are spread into a list. */
export function words<const Word extends string>(...all: Word[]): readonly Word[] {
  return all;
}

/** Why a WebRTC session ended, whether it had begun or not. */
export const RTC_ENDS = [
  ...words("consent_expired", "origin_gone", "deleted", "client_closed", "shutdown"),
  ...words("stream_busy", "never_started", "handed_over", "lane_failed"),
  ...ENDED_BY,
];
