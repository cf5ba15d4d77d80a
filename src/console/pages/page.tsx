// Starts the page that the address asks for.

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
    api: `${location.protocol}//${location.hostname}:${portOf("api-port", 1985)}`,
  };
}

/** A port that the proxy has written into the page. */
function portOf(name: string, otherwise: number): number {
  return Number(document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content) ||
    otherwise;
}

const Page = location.pathname.endsWith("/publish") ? PublishPage : PlayPage;
render(<Page place={proxyPlace()} />, document.getElementById("page")!);
