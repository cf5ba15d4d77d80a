// Complete RTMP conversations from connect to the first media, both sides, without the handshake:
// recordings of ffmpeg and nginx-rtmp, and those of other kinds of clients, written by hand.

import type { Amf0Object } from "../../src/protocol/rtmp/amf0.ts";
import { PROJECT_FOLDER } from "./project.ts";
import { answerConnect, answerStatus, Script } from "./rtmp_script.ts";
import { filler } from "./rtmp_wire.ts";

/** Both sides of a conversation. */
export interface Recording {
  readonly name: string;
  readonly intent: "publish" | "play";
  readonly client: Uint8Array<ArrayBuffer>;
  readonly origin: Uint8Array<ArrayBuffer>;
  /**
   * Payload bytes, except commands, whose header depends on the client's previous one while the
   * proxy's own Acknowledgement has come between the two.
   */
  readonly interrupted?: number;
}

/** What OBS with Enhanced RTMP sends in connect. */
const ENHANCED_CONNECT: Amf0Object = {
  app: "live",
  type: "nonprivate",
  flashVer: "FMLE/3.0 (compatible; FMSc/1.0)",
  swfUrl: "rtmp://media.example/live",
  tcUrl: "rtmp://media.example/live",
  pageUrl: "http://media.example/page?a=b",
  fourCcList: ["av01", "vp09", "hvc1", "Opus", "*"],
  capsEx: 15,
  videoFourCcInfoMap: { "*": 4, av01: 3, hvc1: 7 },
  audioFourCcInfoMap: { "*": 4, Opus: 3 },
};

/** Conversations by name. */
export const RECORDINGS: readonly Recording[] = [
  real("ffmpeg_publish", "publish"),
  { ...real("ffmpeg_play", "play"), interrupted: 10 },
  { name: "obs", intent: "publish", client: obs(), origin: publishAnswers([1, 2, 3, 4]) },
  { name: "fmle", intent: "publish", client: fmle(), origin: publishAnswers([1, 2, 3, 4]) },
  {
    name: "librtmp_pipelined",
    intent: "publish",
    client: pipelined(),
    origin: publishAnswers([1, 2, 3, 4]),
  },
  { name: "full_play", intent: "play", client: fullPlay(), origin: fullPlayAnswers() },
];

export function recording(name: string): Recording {
  const found = RECORDINGS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`Cannot find the recording ${name}`);
  return found;
}

function real(name: string, intent: Recording["intent"]): Recording {
  const read = (side: string) =>
    Deno.readFileSync(`${PROJECT_FOLDER}/tests/support/recordings/${name}.${side}.bin`);
  return { name, intent, client: read("client"), origin: read("origin") };
}

function obs(): Uint8Array<ArrayBuffer> {
  const script = new Script()
    .command(["connect", 1, ENHANCED_CONNECT])
    .control(5, 2500000)
    .control(1, 4096)
    .command(["releaseStream", 2, null, "cam?token=secret"])
    .command(["FCPublish", 3, null, "cam?token=secret"], { format: 1 })
    .command(["createStream", 4, null], { format: 1 })
    .command(["publish", 5, null, "cam?token=secret", "live"], { chunkStream: 4, streamId: 1 })
    .command(["@setDataFrame", "onMetaData", { width: 1280, height: 720 }], {
      chunkStream: 4,
      type: 18,
      streamId: 1,
    });
  return frames(script, 4).bytes;
}

/**
 * Audio and video as librtmp sends them: all on one chunk stream, with the shortest possible
 * headers.
 */
export function frames(script: Script, chunkStream: number, streamId = 1): Script {
  script
    .message({ chunkStream, format: 0, time: 0, type: 9, streamId, body: filler(900, 1) })
    .message({ chunkStream, format: 1, time: 0, type: 8, body: filler(20, 2) });
  for (let index = 0; index < 6; index++) {
    script
      .message({ chunkStream, format: 1, time: 13, type: 8, body: filler(90, 3 + index) })
      .message({ chunkStream, format: 3, body: filler(90, 30 + index) })
      .message({ chunkStream, format: 2, time: 10, body: filler(90, 60 + index) })
      .message({ chunkStream, format: 1, time: 4, type: 9, body: filler(300, 90 + index) });
  }
  return script;
}

function fmle(): Uint8Array<ArrayBuffer> {
  const script = new Script()
    .command(["connect", 1, {
      app: "live?vhost=tv.example&user=a",
      flashVer: "FMLE/3.0",
      swfUrl: "rtmp://192.0.2.1/live?vhost=tv.example&user=a",
      tcUrl: "rtmp://192.0.2.1/live?vhost=tv.example&user=a",
      videoFunction: 1,
    }])
    .control(3, 3073)
    .command(["releaseStream", 2, null, "cam"])
    .command(["FCPublish", 3, null, "cam"])
    .command(["createStream", 4, null])
    .command(["_checkbw", 5, null])
    .userControl(6, 12345)
    .control(2, 9)
    .control(3, 4000, { format: 1 })
    .command(["publish", 0, null, "cam", "append"], { chunkStream: 8, streamId: 1 });
  frames(script, 6);
  script.control(3, 5000).control(3, 6000, { format: 3 });
  return script
    .command(["FCUnpublish", 6, null, "cam"])
    .command(["closeStream", 0, null], { streamId: 1 })
    .command(["deleteStream", 7, null, 1])
    .bytes;
}

/** A client that waits for no answers and sends interleaved audio and video at once. */
function pipelined(): Uint8Array<ArrayBuffer> {
  const video = { chunkStream: 6, format: 0, type: 9, streamId: 1 } as const;
  const audio = { chunkStream: 4, format: 0, type: 8, streamId: 1 } as const;
  return new Script()
    .control(1, 60000)
    .command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1:1935/live" }])
    .control(1, 150)
    .command(["releaseStream", 2, null, "cam"])
    .command(["FCPublish", 3, null, "cam"])
    .command(["createStream", 4, null])
    .command(["publish", 5, null, "cam", "live"], { chunkStream: 8, streamId: 1 })
    .mixed({ ...video, body: filler(1000, 5) }, { ...audio, body: filler(700, 6) })
    .mixed(
      { ...video, format: 1, time: 40, body: filler(800, 7) },
      { ...audio, format: 1, time: 23, body: filler(310, 8) },
      { chunkStream: 3, format: 0, type: 20, streamId: 1, body: longCommand() },
    )
    .control(1, 4096)
    .message({ ...video, format: 3, body: filler(800, 9) })
    .message({ ...audio, format: 0, time: 0x1234567, body: filler(5000, 10) })
    .message({ ...audio, format: 1, time: 23, body: filler(0) })
    .bytes;
}

function longCommand(): Uint8Array<ArrayBuffer> {
  const body = new Script().command(["setPosition", 9, null, "x".repeat(500)], { chunkSize: 9999 });
  return body.bytes.slice(12);
}

/**
 * The answers of an origin to connect, other commands, createStream and publish.
 *
 * @param transactions the transaction ids of the commands in this order
 * @param streamId the message stream id that the origin gives
 */
export function publishAnswers(
  [connect, ...others]: readonly number[],
  streamId = 1,
): Uint8Array<ArrayBuffer> {
  const create = others.pop();
  const script = answerConnect(new Script().control(1, 4096), connect);
  script.command(["onBWDone", 0, null]);
  for (const transaction of others) script.command(["_result", transaction, null, undefined]);
  script.command(["_result", create, null, streamId]);
  script.command(["onFCPublish", 0, null, { code: "NetStream.Publish.Start" }]);
  answerStatus(script, "NetStream.Publish.Start", { streamId });
  return script.control(3, 2500000).userControl(6, 99).control(3, 5000000, { format: 1 }).bytes;
}

function fullPlay(): Uint8Array<ArrayBuffer> {
  return new Script()
    .command(["connect", 1, {
      app: "live",
      tcUrl: "rtmp://tv.example/live",
      pageUrl: "http://tv.example/watch",
      audioCodecs: 4071,
      objectEncoding: 3,
    }])
    .control(5, 2500000)
    .userControl(3, 0, 1000)
    .command(["createStream", 2, null])
    .command(["FCSubscribe", 3, null, "cam"])
    .command(["getStreamLength", 4, null, "cam?token=a%20b"], { chunkStream: 8 })
    .userControl(3, 1, 3000)
    .command(["play", 5, null, "cam?token=a%20b", -2000, -1, true], {
      chunkStream: 8,
      streamId: 1,
    })
    .userControl(3, 1, 36000)
    .control(3, 2500000)
    .command(["pause", 0, null, true, 0], { chunkStream: 8, streamId: 1 })
    .command(["deleteStream", 0, null, 1])
    .bytes;
}

/** The answers of an origin to `full_play`, and media; see `publishAnswers`. */
export function fullPlayAnswers(streamId = 1): Uint8Array<ArrayBuffer> {
  const script = answerConnect(new Script().control(1, 60000))
    .command(["_result", 2, null, streamId])
    .command(["onFCSubscribe", 0, null, { level: "status", code: "NetStream.Play.Start" }])
    .command(["_result", 4, null, 0])
    .userControl(0, streamId);
  answerStatus(script, "NetStream.Play.Reset", { streamId });
  answerStatus(script, "NetStream.Play.Start", { streamId });
  script.command(["|RtmpSampleAccess", false, false], { chunkStream: 5, type: 18, streamId });
  return frames(script, 7, streamId).userControl(1, streamId).bytes;
}
