// A session of a model client at a proxy, as plain data; changed elsewhere.

/** A session, from the client's connection to its end. */
export interface ModelSession {
  readonly id: string;
  readonly client: string;
  readonly proxy: number;
  readonly stream: string;
  readonly intent: "publish" | "play";
  readonly protocol: "rtmp" | "srt";
  /** When its last request to the registry began. */
  askedAt: number;
  /** Where its proxy believed a publisher to be when that request began. */
  known: string | undefined;
  /** The origin that has accepted it, or is asked to. */
  origin: string | undefined;
  /** When the client was told that it is served; undefined until then. */
  toldAt: number | undefined;
  /** Whether a request to the registry is pending. */
  isAsking: boolean;
  isOver: boolean;
  /** Whether the client has left, although its proxy may not have noticed. */
  isLeft: boolean;
  /** What the origin has sent; any increasing number. */
  received: number;
}
