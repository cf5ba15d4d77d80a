// A real SRS that freezes, with clients of every protocol: none of them is left hanging. When
// it answers again it is used again.

import assert from "node:assert/strict";
import { Browser } from "../support/browser.ts";
import { Publisher, testFile, Viewer } from "../support/ffmpeg.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { registeredOrigins } from "../support/register.ts";
import { sessionsOf } from "../support/sessions.ts";
import { publish as publishSrt, srtUrl } from "../support/srt_programs.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";
import { untilItMoves } from "../support/web_player.ts";

const RECOVERY = 8_000;
const EXPECTED = [
  ...["http play", "rtc play", "rtmp play", "rtmp publish", "srt play", "srt publish"],
];

async function stateOf(proxy: Proxy): Promise<string> {
  const { origins } = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/origins")));
  return origins[0].state;
}

Deno.test({
  name: "a real SRS freezes: its sessions of every protocol end within 8 s, and it comes back",
  ignore: SRS_BIN === undefined,
  timeout: 120_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_WEBRTC_CANDIDATE: "127.0.0.1" });
    const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
    await using srs = await Srs.open({ name: "srs", heartbeatUrl, rtc: true, srt: true });
    await until("SRS register", async () => (await registeredOrigins(proxy)).length === 1);
    const { httpServer, srt } = proxy.ports;
    await using publisher = await Publisher.publish(proxy.rtmpUrl("show"));
    await publisher.hasAudioAtSrs();
    const http = `http://127.0.0.1:${httpServer}`;
    const file = await testFile();
    const caller = srtUrl(srt, { latency: 200_000 });
    await using _caller = publishSrt(caller, "#!::r=live/more,m=publish", { file, seconds: 100 });
    await using stack = new AsyncDisposableStack();
    const played = srtUrl(srt, { streamid: "#!::r=live/more,m=request" });
    for (const url of [proxy.rtmpUrl("show"), `${http}/live/show.flv`, played]) {
      await stack.use(new Viewer(url)).moreVideo(5);
    }
    await using browser = await Browser.open();
    const { page } = await browser.openPage(`${http}/?format=webrtc#live/show`);
    await untilItMoves(page);
    const before = await sessionsOf(proxy);
    const kinds = before.map(({ protocol, intent }) => `${protocol} ${intent}`);
    assert.deepEqual(kinds.toSorted(), EXPECTED);

    srs.process.signal("SIGSTOP");
    try {
      await until("all sessions end", async () => {
        const left = new Set((await sessionsOf(proxy)).map(({ session }) => session));
        return before.every(({ session }) => !left.has(session));
      }, { timeout: RECOVERY });
      assert.equal(await stateOf(proxy), "down");
    } finally {
      srs.process.signal("SIGCONT");
    }
    const closed = proxy.process.errorText.split("\n").filter((line) => {
      return line.includes("Session closed");
    });
    for (const { session, protocol } of before) {
      const line = closed.find((one) => one.includes(`session=${session} `));
      // libsrt itself gives up after five seconds of silence.
      if (protocol !== "srt") assert.match(line ?? "", /reason=origin_down/, protocol);
    }
    await until("SRS be back", async () => await stateOf(proxy) === "alive");
    await using _again = await Publisher.publish(proxy.rtmpUrl("again"));
  },
});
