// Publishes one stream: opens a source, shows it, sends it by WHIP, and measures.

/// <reference lib="dom" />

import { type MediaSource, openSource, type SourceKind } from "./media_source.ts";
import { RtcLink } from "./rtc_link.ts";
import { type RtcNumbers, RtcStatistics } from "./rtc_statistics.ts";

/** How far a publication has got. */
export type PublishPhase = "opening" | "connecting" | "publishing";

export interface PublisherOptions {
  readonly video: HTMLVideoElement;
  readonly url: string;
  readonly source: SourceKind;
  /** For the HTTP API; empty if there is none. */
  readonly token: string;
  readonly setPhase: (phase: PublishPhase) => void;
  readonly setEnd: (reason: string) => void;
  readonly setNumbers: (numbers: RtcNumbers | undefined) => void;
}

/** Milliseconds between two measurements. */
const LOOK = 500;

/** Publishes until the returned function is called. */
export function runPublisher(options: PublisherOptions): () => void {
  const publication = new Publication(options.setEnd);
  openSource(options.source).then(
    (source) => {
      if (publication.isOver) return source.close();
      publication.onClose(() => source.close());
      send(source, options, publication);
    },
    (error: Error) => publication.end(error.message),
  );
  return () => publication.close();
}

/** Collects what must be undone when a publication ends, for whatever reason. */
class Publication {
  isOver = false;
  readonly #setEnd: (reason: string) => void;
  readonly #closers: (() => void)[] = [];

  constructor(setEnd: (reason: string) => void) {
    this.#setEnd = setEnd;
  }

  onClose(closer: () => void): void {
    this.#closers.push(closer);
  }

  close(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const closer of this.#closers.toReversed()) closer();
  }

  end(reason: string): void {
    if (this.isOver) return;
    this.close();
    this.#setEnd(reason);
  }
}

function send(
  { stream }: MediaSource,
  { video, url, token, setPhase, setNumbers }: PublisherOptions,
  publication: Publication,
): void {
  video.srcObject = stream;
  publication.onClose(() => {
    video.srcObject = null;
    setNumbers(undefined);
  });
  for (const track of stream.getTracks()) {
    // This happens when somebody stops sharing a screen or unplugs a camera.
    track.addEventListener("ended", () => publication.end("The source has ended"));
  }
  setPhase("connecting");
  const link = new RtcLink({
    url,
    token,
    prepare: (connection) => {
      for (const track of stream.getTracks()) {
        connection.addTransceiver(track, { direction: "sendonly", streams: [stream] });
      }
    },
    onConnected: () => setPhase("publishing"),
    onEnd: ({ sentence }) => publication.end(sentence),
  });
  publication.onClose(() => link.close());
  const statistics = new RtcStatistics(link.connection);
  const timer = setInterval(() => {
    statistics.read().then((numbers) => publication.isOver || setNumbers(numbers), () => {});
  }, LOOK);
  publication.onClose(() => clearInterval(timer));
}
