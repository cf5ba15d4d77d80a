// Starts the page.

/// <reference lib="dom" />

import { render } from "preact";
import { PlayPage } from "./play_page.tsx";
import type { ProxyPlace } from "./stream_name.ts";

function proxyPlace(): ProxyPlace {
  const rtmpPort = document.querySelector<HTMLMetaElement>('meta[name="rtmp-port"]')?.content;
  return {
    http: new URL(".", document.baseURI).href.replace(/[?#].*$/, ""),
    host: location.hostname,
    rtmpPort: Number(rtmpPort ?? 1935),
  };
}

render(<PlayPage place={proxyPlace()} />, document.getElementById("page")!);
