// Starts the page that the URL names.

/// <reference lib="dom" />

import { render } from "preact";
import { PlayPage } from "./play_page.tsx";
import { PublishPage } from "./publish_page.tsx";
import type { ProxyPlace } from "./stream_name.ts";

function proxyPlace(): ProxyPlace {
  return {
    http: new URL(".", document.baseURI).href.split(/[?#]/, 1)[0]!,
    host: location.hostname,
    rtmpPort: portOf("rtmp-port", 1935),
    srtPort: portOf("srt-port", 10080),
    // Over TLS one port serves everything.
    api: location.protocol === "https:"
      ? location.origin
      : `http://${location.hostname}:${portOf("api-port", 1985)}`,
  };
}

/** A fact that the proxy has written into the page. */
function factOf(name: string): string | undefined {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content;
}

function portOf(name: string, otherwise: number): number {
  return Number(factOf(name)) || otherwise;
}

/** Where the proxy lists live streams, if it does. */
function listUrl({ http }: ProxyPlace): string | undefined {
  return factOf("live-list") === "off" ? undefined : `${http}api/v1/streams/live`;
}

const place = proxyPlace();
render(
  location.pathname.endsWith("/publish")
    ? <PublishPage place={place} />
    : <PlayPage place={place} listUrl={listUrl(place)} />,
  document.getElementById("page")!,
);
