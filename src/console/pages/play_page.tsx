// The page that plays a stream: which stream, the picture, how well it plays, and the stream's addresses for
// other players.

/// <reference lib="dom" />

import { useEffect, useRef, useState } from "preact/hooks";
import { AddressList } from "./address_list.tsx";
import { sentenceBefore } from "./failures.ts";
import { LiveList } from "./live_list.tsx";
import { type LiveStream, type LiveStreams, useLiveStreams } from "./live_streams.ts";
import type { Measurement } from "./measure.ts";
import { MeasurementList } from "./measurement_list.tsx";
import { Footer, PageHead } from "./page_frame.tsx";
import {
  pageAddress,
  type PageRequest,
  parsePageAddress,
  parseStreamName,
  PLAY_FORMATS,
  type PlayFormat,
  playUrl,
  type ProxyPlace,
} from "./stream_name.ts";
import { StreamForm } from "./stream_form.tsx";
import { Watch, type WatchState } from "./watch.ts";

type PlayState =
  | { readonly phase: "idle" }
  /** Its origin offers no format that a browser can play. */
  | { readonly phase: "elsewhere"; readonly stream: string }
  | WatchState;

const IDLE: PlayState = { phase: "idle" };

/** @param props `listUrl` is undefined if the list of live streams is off */
export function PlayPage({ place, listUrl }: { place: ProxyPlace; listUrl: string | undefined }) {
  const [asked] = useState(() => parsePageAddress(location.href));
  const [request, setRequest] = useState<PageRequest>(asked);
  const [token, setToken] = useState("");
  const [playing, setPlaying] = useState<PageRequest | null>(null);
  const [state, setState] = useState<PlayState>(IDLE);
  const [measurement, setMeasurement] = useState<Measurement>();
  const video = useRef<HTMLVideoElement>(null);
  const watch = useRef<Watch | undefined>(undefined);
  const live = useLiveStreams(listUrl);
  const isLive = useIsLive(live, playing?.stream);

  const play = (wanted: PageRequest) => {
    history.replaceState(null, "", pageAddress(location.href, wanted));
    setRequest(wanted);
    // A new object, so that requesting the same stream again restarts it.
    setPlaying({ ...wanted });
  };
  const stop = (after: PlayState) => {
    setPlaying(null);
    setState(after);
  };
  const choose = ({ stream, formats }: LiveStream) => {
    const format = formatFor(formats, request.format);
    if (format !== undefined) return play({ stream, format });
    setRequest({ ...request, stream });
    stop({ phase: "elsewhere", stream });
  };
  useEffect(() => {
    if (parseStreamName(asked.stream)) play(asked);
  }, []);
  useEffect(() => {
    const first = live?.streams[0];
    // Somebody may be typing a name: it must not be added to this one.
    const isTyping = document.activeElement instanceof HTMLInputElement;
    if (first && request.stream === "" && !isTyping) {
      setRequest({ ...request, stream: first.stream });
    }
  }, [live]);
  useEffect(() => {
    const name = playing && parseStreamName(playing.stream);
    if (!playing || !name || !video.current) return;
    const url = playUrl(name, playing.format, place);
    const { format } = playing;
    const shown = { video: video.current, onState: setState, onMeasurement: setMeasurement };
    const opened = watch.current = new Watch({ ...shown, url, format, token });
    return () => opened.close();
  }, [playing]);
  useEffect(() => {
    if (isLive) watch.current?.retryNow();
  }, [isLive]);

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
        onStop={() => stop(IDLE)}
      />
      {live && <LiveList live={live} playing={playing?.stream} onChoose={choose} />}
      <video ref={video} controls muted playsInline aria-label="Picture of the stream" />
      <p role="status" data-phase={state.phase}>{describe(state, playing?.stream ?? "")}</p>
      <MeasurementList measurement={measurement} />
      {named && <AddressList name={named} place={place} intent="play" />}
      <Footer />
    </>
  );
}

/** Whether the list has the stream. */
function useIsLive(live: LiveStreams | undefined, stream: string | undefined): boolean {
  const name = stream === undefined ? undefined : parseStreamName(stream)?.path;
  return live?.streams.some((each) => parseStreamName(each.stream)?.path === name) ?? false;
}

/** The chosen format if the stream has it, otherwise one that it has. */
function formatFor(formats: readonly string[], chosen: PlayFormat): PlayFormat | undefined {
  if (formats.includes(chosen)) return chosen;
  return PLAY_FORMATS.find(({ format }) => formats.includes(format))?.format;
}

function describe(state: PlayState, stream: string): string {
  switch (state.phase) {
    case "idle":
      return "Nothing is being played";
    case "elsewhere":
      return `No browser can play what the origin of ${state.stream} offers: use an address below`;
    case "connecting":
      return `${sentenceBefore(state.after)}Waiting for ${stream} …`;
    case "silent":
      return `${sentenceBefore(state.after)}Nothing has arrived yet: is ${stream} being published?`;
    case "playing":
      return `Playing ${stream}`;
    case "retrying":
      return `${sentenceBefore(state.after)}Trying again in ${Math.ceil(state.seconds)} s …`;
    case "paused":
      return "Paused, and the stream has ended meanwhile: play to try again";
    case "ended":
      return state.after.sentence;
  }
}
