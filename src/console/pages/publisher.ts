// Publishes one stream: opens a source, shows it, sends it by WHIP, again whenever the connection is lost,
// and measures.

/// <reference lib="dom" />

import type { Failure } from "./failures.ts";
import { type MediaSource, openSource, type SourceKind } from "./media_source.ts";
import { pauseBefore } from "./pauses.ts";
import { RtcLink, type RtcLinkOptions } from "./rtc_link.ts";
import { type RtcNumbers, RtcStatistics } from "./rtc_statistics.ts";

/** How far a publication has got. */
export type PublisherState =
  /** `after`: why the connection was lost, if there was one before. */
  | { readonly phase: "connecting"; readonly after?: Failure | undefined }
  | { readonly phase: "opening" | "publishing" }
  /** `seconds`: until the next attempt. */
  | { readonly phase: "retrying"; readonly after: Failure; readonly seconds: number };

export interface PublisherOptions {
  readonly video: HTMLVideoElement;
  readonly url: string;
  readonly source: SourceKind;
  /** For the HTTP API; empty if there is none. */
  readonly token: string;
  readonly setState: (state: PublisherState) => void;
  /** Called at most once, and not after the publication has been closed. */
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
  source: MediaSource,
  options: PublisherOptions,
  publication: Publication,
): void {
  const { video, setState } = options;
  video.srcObject = source.stream;
  publication.onClose(() => video.srcObject = null);
  for (const track of source.stream.getTracks()) {
    // This happens when somebody stops sharing a screen or unplugs a camera.
    track.addEventListener("ended", () => publication.end("The source has ended"));
  }
  let hasPublished = false;
  /** Failed attempts since it last published. */
  let attempts = 0;
  let stop = () => {};
  publication.onClose(() => stop());

  function begin(after?: Failure): void {
    setState({ phase: "connecting", after });
    stop = connect(source, options, { onConnected, onEnd });
  }
  function onConnected(): void {
    hasPublished = true;
    attempts = 0;
    setState({ phase: "publishing" });
  }
  /** A first attempt that fails is left to the user; a stream that was live is to come back by itself. */
  function onEnd(failure: Failure): void {
    if (!hasPublished || failure.isFinal) return publication.end(failure.sentence);
    const seconds = pauseBefore(attempts++, Math.random());
    const timer = setTimeout(() => begin(failure), seconds * 1000);
    stop = () => clearTimeout(timer);
    setState({ phase: "retrying", after: failure, seconds });
  }
  begin();
}

/** Sends a source in one session and measures it, until the returned function is called. */
function connect(
  { stream }: MediaSource,
  { url, token, setNumbers }: PublisherOptions,
  { onConnected, onEnd }: Pick<RtcLinkOptions, "onConnected" | "onEnd">,
): () => void {
  const link = new RtcLink({
    url,
    token,
    prepare: (connection) => {
      for (const track of stream.getTracks()) {
        connection.addTransceiver(track, { direction: "sendonly", streams: [stream] });
      }
    },
    onConnected,
    onEnd: (failure) => {
      close();
      onEnd(failure);
    },
  });
  const statistics = new RtcStatistics(link.connection);
  let isOver = false;
  const timer = setInterval(() => {
    statistics.read().then((numbers) => isOver || setNumbers(numbers), () => {});
  }, LOOK);
  function close(): void {
    isOver = true;
    clearInterval(timer);
    setNumbers(undefined);
    link.close();
  }
  return close;
}
