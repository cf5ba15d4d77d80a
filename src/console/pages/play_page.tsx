// The page that plays a stream: what to play, the picture, how it goes, and the stream's addresses
// for other players.

/// <reference lib="dom" />

import { useEffect, useRef, useState } from "preact/hooks";
import { AddressList } from "./address_list.tsx";
import { type Measurement, Meter } from "./measure.ts";
import { MeasurementList } from "./measurement_list.tsx";
import { openPlayer } from "./open_player.ts";
import { Footer, PageHead } from "./page_frame.tsx";
import { Progress } from "./progress.ts";
import {
  pageAddress,
  type PageRequest,
  parsePageAddress,
  parseStreamName,
  type PlayFormat,
  playUrl,
  type ProxyPlace,
} from "./stream_name.ts";
import { StreamForm } from "./stream_form.tsx";

/** Milliseconds between two looks at the player. */
const MEASURE_INTERVAL = 500;
const EXAMPLE = "live/livestream";

/** `silent`: nothing has come yet, for some time. `stalled`: nothing comes any more. */
type LivePhase = "connecting" | "silent" | "playing" | "stalled";

type PlayState =
  | { readonly phase: "idle" }
  | { readonly phase: LivePhase; readonly request: PageRequest }
  | { readonly phase: "ended"; readonly reason: string };

/** The whole page. */
export function PlayPage({ place }: { place: ProxyPlace }) {
  const [asked] = useState(() => parsePageAddress(location.href));
  const [request, setRequest] = useState<PageRequest>({
    ...asked,
    stream: asked.stream || EXAMPLE,
  });
  const [token, setToken] = useState("");
  const [state, setState] = useState<PlayState>({ phase: "idle" });
  const [measurement, setMeasurement] = useState<Measurement>();
  const video = useRef<HTMLVideoElement>(null);
  const playing = "request" in state ? state.request : null;

  const play = (wanted: PageRequest) => {
    history.replaceState(null, "", pageAddress(location.href, wanted));
    // A new object, so that the same stream is asked for anew when somebody asks again.
    setState({ phase: "connecting", request: { ...wanted } });
  };
  useEffect(() => {
    if (parseStreamName(asked.stream)) play(asked);
  }, []);
  useEffect(() => {
    const name = playing && parseStreamName(playing.stream);
    if (!playing || !name || !video.current) return;
    return runPlayer({
      video: video.current,
      url: playUrl(name, playing.format, place),
      format: playing.format,
      token,
      setPhase: (phase) => setState({ phase, request: playing }),
      setEnd: (reason) => setState({ phase: "ended", reason }),
      setMeasurement,
    });
  }, [playing]);

  const named = parseStreamName(request.stream);
  return (
    <>
      <PageHead title="Play a stream" />
      <StreamForm
        request={request}
        isGood={named !== undefined}
        isPlaying={playing !== null}
        token={token}
        onChange={setRequest}
        onToken={setToken}
        onPlay={() => play(request)}
        onStop={() => setState({ phase: "idle" })}
      />
      <video ref={video} controls muted playsInline aria-label="Picture of the stream" />
      <p role="status" data-phase={state.phase}>{describe(state)}</p>
      <MeasurementList measurement={measurement} />
      {named && <AddressList name={named} place={place} />}
      <Footer />
    </>
  );
}

interface RunOptions {
  readonly video: HTMLVideoElement;
  readonly url: string;
  readonly format: PlayFormat;
  readonly token: string;
  readonly setPhase: (phase: LivePhase) => void;
  readonly setEnd: (reason: string) => void;
  readonly setMeasurement: (measurement: Measurement | undefined) => void;
}

/** Plays and measures until the returned function is called. */
function runPlayer({ video, url, format, token, ...page }: RunOptions): () => void {
  const progress = new Progress(performance.now());
  let hasPlayed = false;
  let isStuck = false;
  const onPlaying = () => {
    hasPlayed = true;
    page.setPhase("playing");
  };
  const look = () => {
    page.setMeasurement(meter.measure(player.received));
    const wasStuck = isStuck;
    isStuck = progress.isStuck(video.currentTime, video.paused, performance.now());
    if (isStuck && !wasStuck) page.setPhase(hasPlayed ? "stalled" : "silent");
    if (wasStuck && !isStuck && hasPlayed) page.setPhase("playing");
  };
  const stop = () => {
    clearInterval(timer);
    video.removeEventListener("playing", onPlaying);
  };
  const onEnd = (reason: string) => {
    stop();
    page.setEnd(reason);
  };
  const meter = new Meter(video);
  const player = openPlayer({ video, url, format, token, onEnd });
  video.addEventListener("playing", onPlaying);
  const timer = setInterval(look, MEASURE_INTERVAL);
  return () => {
    stop();
    player.close();
    page.setMeasurement(undefined);
  };
}

function describe(state: PlayState): string {
  switch (state.phase) {
    case "idle":
      return "Nothing is being played";
    case "connecting":
      return `Waiting for ${state.request.stream} …`;
    case "silent":
      return `Nothing has come yet: is ${state.request.stream} being published?`;
    case "playing":
      return `Playing ${state.request.stream}`;
    case "stalled":
      return `Nothing comes any more: waiting for ${state.request.stream} …`;
    case "ended":
      return state.reason;
  }
}
