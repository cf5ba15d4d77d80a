// Plays a stream over HTTP-FLV from the proxy's HTTP server, as any viewer would, once the operator asks for
// it, since a viewer is a load on the origin.

/// <reference lib="dom" />

import { useEffect, useRef, useState } from "preact/hooks";
import { openMpegtsPlayer } from "../pages/mpegts_player.ts";

/** Where streams are played: `http://demo.com:8080`; undefined if this page may not request them. */
export type PreviewPlace = string | undefined;

const DEFAULT_VHOST = "__defaultVhost__";

export function Preview({ stream, place }: { stream: string; place: PreviewPlace }) {
  const [isOn, setOn] = useState(false);
  const [told, setTold] = useState("");
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (!isOn || place === undefined) return;
    setTold("Waiting for the picture …");
    const element = video.current!;
    const player = openMpegtsPlayer({
      video: element,
      url: flvUrl(place, stream),
      format: "flv",
      token: "",
      onEnd: ({ sentence }) => {
        setTold(sentence);
        setOn(false);
      },
    });
    element.play().catch(() => {});
    const timer = setInterval(() => player.catchUp?.(), 500);
    return () => {
      clearInterval(timer);
      player.close();
    };
  }, [isOn]);
  if (place === undefined) {
    return <p>There is no preview: this page is secure, and the HTTP server has no TLS.</p>;
  }
  return (
    <section class="preview" aria-label="Preview">
      <div class="buttons">
        <button type="button" aria-pressed={isOn} onClick={() => setOn(!isOn)}>
          {isOn ? "Stop the preview" : "Show a preview"}
        </button>
      </div>
      <p role="status">{told}</p>
      <video
        ref={video}
        muted
        playsInline
        hidden={!isOn}
        aria-label={`Picture of ${stream}`}
        onPlaying={() => setTold("Playing over HTTP-FLV, muted")}
      />
    </section>
  );
}

/** The stream's address. A vhost of its own is named, since the page has another host. */
function flvUrl(place: string, key: string): string {
  const [vhost = "", ...path] = key.split("/");
  const url = new URL(`${path.map(encodeURIComponent).join("/")}.flv`, `${place}/`);
  if (vhost !== DEFAULT_VHOST) url.searchParams.set("vhost", vhost);
  return url.href;
}
