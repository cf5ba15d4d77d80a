// One stay of a model client at a proxy, as plain facts. Who changes them is elsewhere.

/** A session, from the client's coming to its end. */
export interface ModelSession {
  readonly id: string;
  readonly client: string;
  /** Number of the proxy. */
  readonly proxy: number;
  readonly stream: string;
  readonly intent: "publish" | "play";
  readonly protocol: "rtmp" | "srt";
  /** When its last request to the registry began. */
  askedAt: number;
  /** Where its proxy believed a publisher to run when that request began. */
  known: string | undefined;
  /** The origin that has taken it, or is asked to. */
  origin: string | undefined;
  /** When the client was told that it is served; undefined while it has not been. */
  toldAt: number | undefined;
  /** A request to the registry is under way. */
  isAsking: boolean;
  isOver: boolean;
  /** The client has left, although its proxy may not have noticed. */
  isLeft: boolean;
  /** What the origin has sent, as far as anybody looks. */
  received: number;
}
