// The System API's answers, as far as the console shows them. Members that a proxy may omit are optional.

export type OriginState = "alive" | "suspect" | "draining" | "down" | "expired";

/** Bits per second, in from clients and out to them. */
export interface RatesEntry {
  readonly bit_rate_in: number;
  readonly bit_rate_out: number;
}

/** One registered origin. */
export interface OriginEntry extends RatesEntry {
  readonly server: string;
  readonly device_id: string;
  readonly ip: string;
  readonly rtmp: readonly string[];
  readonly http: readonly string[];
  readonly api: readonly string[];
  readonly srt: readonly string[];
  readonly rtc: readonly string[];
  readonly state: OriginState;
  readonly draining: boolean;
  readonly weight: number;
  readonly labels: readonly string[];
  readonly streams: number;
  readonly publishers: number;
  readonly viewers: number;
  /** Milliseconds; null if it sends none. */
  readonly last_heartbeat_ms: number | null;
  readonly failures: Readonly<Record<string, number>>;
}

export interface StreamEntry extends RatesEntry {
  /** `vhost/app/stream`. */
  readonly stream: string;
  readonly origin: string;
  readonly live: boolean;
  readonly seconds: number;
  readonly publishers: number;
  readonly publisher?: {
    readonly session: string;
    readonly protocol: string;
    readonly client: string;
    readonly seconds: number;
  };
  readonly viewers: number;
  readonly viewers_by_protocol: Readonly<Record<string, number>>;
}

/** One client that publishes or plays. */
export interface SessionEntry extends RatesEntry {
  readonly session: string;
  readonly protocol: string;
  readonly intent: "publish" | "play";
  readonly stream: string;
  readonly origin: string;
  readonly client: string;
  readonly seconds: number;
}

/** The last quarter of an hour by columns, oldest first. */
export interface HistoryAnswer {
  readonly seconds_ago: readonly number[];
  readonly bits_from_clients: readonly number[];
  readonly bits_from_origins: readonly number[];
  readonly publishers: readonly number[];
  readonly viewers: readonly number[];
  readonly new_streams: readonly number[];
  readonly refused_clients: readonly number[];
  readonly failed_dials: readonly number[];
  readonly loop_lag_ms: readonly number[];
}
