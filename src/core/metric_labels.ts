// What labels of several metrics may hold.

/** What a client wants. */
export const INTENTS = ["publish", "play"] as const;
/** One word for one thing in all protocols: who has sent it. */
export const DIRECTIONS = ["from_clients", "from_origins"] as const;
/** Classes of HTTP statuses. */
export const STATUSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;
/** Why a listener lets nobody in. */
export const LIMITS = ["limit_total", "limit_per_address", "limit_descriptors"] as const;
/** Why a connection is not opened: its PROXY header, or TLS. */
export const HEADERS = ["proxy_header", "proxy_untrusted", "tls_handshake"] as const;
/** Whose memory for clients that are not identified is used up. */
export const MEMORY = ["memory_address", "memory_total"] as const;
/** What a listener of HTTP refuses, whoever answers behind it. */
export const HTTP_REFUSALS = [
  ...[...LIMITS, ...HEADERS, ...MEMORY],
  ...["bad_request", "head_timeout", "method"] as const,
] as const;
/** What the proxy itself ends sessions for. */
export const ENDED_BY = ["kicked", "origin_down", "stream_moved"] as const;

/** Keeps the words of a list that is spread into another. */
export function oneOf<const Word extends string>(...words: Word[]): readonly Word[] {
  return words;
}

/** Why a session of WebRTC is over, whether it had begun or not. */
export const RTC_ENDS = [
  ...oneOf("consent_expired", "origin_gone", "deleted", "client_closed", "shutdown"),
  ...oneOf("stream_busy", "never_started", "handed_over", "lane_failed"),
  ...ENDED_BY,
];
