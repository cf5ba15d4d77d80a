// The page that publishes a stream by WHIP: the source, the picture as sent, how well it is sent, and the
// stream's addresses for players.

/// <reference lib="dom" />

import { useEffect, useRef, useState } from "preact/hooks";
import { AddressList } from "./address_list.tsx";
import { sentenceBefore } from "./failures.ts";
import type { SourceKind } from "./media_source.ts";
import { Footer, PageHead } from "./page_frame.tsx";
import { type PublisherState, runPublisher } from "./publisher.ts";
import { PublishForm } from "./publish_form.tsx";
import { PublishNumbers } from "./publish_numbers.tsx";
import type { RtcNumbers } from "./rtc_statistics.ts";
import { parsePageAddress, parseStreamName, type ProxyPlace, rtcUrl } from "./stream_name.ts";

const EXAMPLE = "live/show";

interface Publication {
  readonly stream: string;
  readonly source: SourceKind;
}

type PublishState =
  | { readonly phase: "idle" }
  | (PublisherState & { readonly publication: Publication })
  | { readonly phase: "ended"; readonly reason: string };

export function PublishPage({ place }: { place: ProxyPlace }) {
  const [stream, setStream] = useState(() => parsePageAddress(location.href).stream || EXAMPLE);
  const [source, setSource] = useState<SourceKind>("camera");
  const [token, setToken] = useState("");
  const [state, setState] = useState<PublishState>({ phase: "idle" });
  const [numbers, setNumbers] = useState<RtcNumbers>();
  const video = useRef<HTMLVideoElement>(null);
  const publication = "publication" in state ? state.publication : null;

  useEffect(() => {
    const name = publication && parseStreamName(publication.stream);
    if (!publication || !name || !video.current) return;
    return runPublisher({
      video: video.current,
      url: rtcUrl(name, "whip", place),
      source: publication.source,
      token,
      setState: (state) => setState({ ...state, publication }),
      setEnd: (reason) => setState({ phase: "ended", reason }),
      setNumbers,
    });
  }, [publication]);

  const named = parseStreamName(stream);
  const publish = () => {
    history.replaceState(null, "", `#${encodeURI(stream)}`);
    setState({ phase: "opening", publication: { stream, source } });
  };
  return (
    <>
      <PageHead title="Publish a stream" />
      <PublishForm
        {...{ stream, source, token }}
        isGood={named !== undefined}
        isPublishing={publication !== null}
        onStream={setStream}
        onSource={setSource}
        onToken={setToken}
        onPublish={publish}
        onStop={() => setState({ phase: "idle" })}
      />
      <video ref={video} autoplay muted playsInline aria-label="Picture that is published" />
      <p role="status" data-phase={state.phase}>{describe(state)}</p>
      <PublishNumbers numbers={numbers} />
      {named && <AddressList name={named} place={place} intent="publish" />}
      <Footer />
    </>
  );
}

function describe(state: PublishState): string {
  switch (state.phase) {
    case "idle":
      return "Nothing is being published";
    case "opening":
      return "Waiting for the source …";
    case "connecting":
      return `${sentenceBefore(state.after)}Connecting ${state.publication.stream} …`;
    case "publishing":
      return `Publishing ${state.publication.stream}`;
    case "retrying":
      return `${sentenceBefore(state.after)}Trying again in ${Math.ceil(state.seconds)} s …`;
    case "ended":
      return state.reason;
  }
}
