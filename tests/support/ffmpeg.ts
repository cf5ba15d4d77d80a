// ffmpeg as publisher and as viewer. A publisher sends a file prepared once, which takes almost no
// CPU time; a viewer reads the checksum of every frame without decoding it.

import { existsSync } from "node:fs";
import { Child, type ChildEnd } from "./child.ts";
import { type Frame, FrameList } from "./frames.ts";
import { RUN_FOLDER, TempFolder } from "./temp_folder.ts";

/** The contents of a prepared file: 60 seconds of H.264 with a key frame every second, and AAC. */
export interface TestFileOptions {
  /** Video kbit/s; 150 unless given. */
  readonly kilobits?: number;
  /** Width and height in ffmpeg's format; `320x180` unless given. */
  readonly size?: string;
  /** Frames per second; 10 unless given. */
  readonly rate?: number;
}

const FILE_SECONDS = 60;
const QUIET = ["-hide_banner", "-nostdin", "-loglevel", "info", "-nostats"];
const prepared = new Map<string, Promise<string>>();
let ownFolder: TempFolder | undefined;

/**
 * Prepares a file to publish, once for each set of options; it is kept for the life of this process, or
 * of the test run.
 */
export function testFile(options: TestFileOptions = {}): Promise<string> {
  const { kilobits = 150, size = "320x180", rate = 10 } = options;
  const name = `${size}-${rate}-${kilobits}.flv`;
  const known = prepared.get(name);
  if (known !== undefined) return known;
  const folder = RUN_FOLDER ?? (ownFolder ??= new TempFolder()).path;
  const made = prepare(`${folder}/${name}`, { kilobits, size, rate });
  prepared.set(name, made);
  return made;
}

/** Several processes may prepare the same file at one time; each sees only complete ones. */
async function prepare(path: string, options: Required<TestFileOptions>): Promise<string> {
  if (existsSync(path)) return path;
  await using folder = new TempFolder();
  const made = await encodeFile(folder.file("made.flv"), options);
  const beside = `${path}.${Deno.pid}`;
  await Deno.copyFile(made, beside);
  await Deno.rename(beside, path);
  return path;
}

async function encodeFile(path: string, options: Required<TestFileOptions>): Promise<string> {
  const { kilobits, size, rate } = options;
  const input = ["-f", "lavfi", "-i", `testsrc=size=${size}:rate=${rate}`];
  await using encoder = new Child({
    command: "ffmpeg",
    args: [
      ...[...QUIET, ...input, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"],
      ...["-t", `${FILE_SECONDS}`, "-pix_fmt", "yuv420p", ...videoCodec(kilobits, rate)],
      ...["-c:a", "aac", "-b:a", "64k", "-f", "flv", path],
    ],
  });
  const { code } = await encoder.end(60_000);
  if (code !== 0) throw new Error(`Cannot prepare ${path}\n${encoder.errorText}`);
  return path;
}

function videoCodec(kilobits: number, rate: number): string[] {
  const bitrate = ["-b:v", `${kilobits}k`, "-maxrate", `${kilobits}k`, "-bufsize", `${kilobits}k`];
  const speed = ["-preset", "ultrafast", "-tune", "zerolatency"];
  return ["-c:v", "libx264", ...speed, ...bitrate, "-g", `${rate}`, "-keyint_min", `${rate}`];
}

/** What a publisher sends: the prepared file or another one, or a picture encoded live. */
export interface PublisherOptions {
  readonly file?: string;
  /**
   * A picture generated and encoded live: an ffmpeg source such as `smptebars`, with its kbit/s.
   */
  readonly live?: { readonly picture: string; readonly kilobits: number; readonly rate: number };
  /** Options for the RTMP protocol, before the URL: `["-rtmp_flashver", "…"]`. */
  readonly outputOptions?: readonly string[];
}

/** An ffmpeg that publishes in real time until it is disposed of or its connection ends. */
export class Publisher implements AsyncDisposable {
  readonly process: Child;
  #sentFrames = 0;

  private constructor(url: string, args: readonly string[]) {
    this.process = new Child({
      command: "ffmpeg",
      args: [...QUIET, "-progress", "pipe:1", "-stats_period", "0.2", ...args, url],
      onOutputLine: (line) => this.#takeProgress(line),
    });
  }

  /** Starts ffmpeg; `publishing` tells when the other side has accepted the stream. */
  static async open(url: string, options: PublisherOptions = {}): Promise<Publisher> {
    const { live, outputOptions = [] } = options;
    const output = ["-f", "flv", "-flvflags", "no_duration_filesize", ...outputOptions];
    if (live !== undefined) {
      const picture = ["-re", "-f", "lavfi", "-i", live.picture];
      const sound = ["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"];
      const codecs = ["-pix_fmt", "yuv420p", ...videoCodec(live.kilobits, live.rate)];
      return new Publisher(url, [...picture, ...sound, ...codecs, "-c:a", "aac", ...output]);
    }
    const file = options.file ?? await testFile();
    return new Publisher(url, ["-re", "-stream_loop", "-1", "-i", file, "-c", "copy", ...output]);
  }

  /** Starts ffmpeg and waits until it is publishing. */
  static async publish(url: string, options: PublisherOptions = {}): Promise<Publisher> {
    const publisher = await Publisher.open(url, options);
    try {
      await publisher.publishing();
      return publisher;
    } catch (error) {
      await publisher[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Video frames sent so far, by ffmpeg's last report. */
  get sentFrames(): number {
    return this.#sentFrames;
  }

  /** Resolves once frames are sent, which ffmpeg does only after its publish has been accepted. */
  async publishing(timeout?: number): Promise<void> {
    await this.process.until("ffmpeg publish", () => this.#sentFrames > 0, timeout);
  }

  /** Resolves a little later: SRS says of FLV that is requested before that it has no audio. */
  async hasAudioAtSrs(): Promise<void> {
    await this.process.until("audio reach SRS", () => this.#sentFrames > 5);
  }

  /** How ffmpeg ended; for publishers that are refused. */
  end(timeout?: number): Promise<ChildEnd> {
    return this.process.end(timeout);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]();
  }

  #takeProgress(line: string): void {
    const frames = /^frame=\s*(\d+)$/.exec(line);
    if (frames !== null) this.#sentFrames = Number(frames[1]);
  }
}

/** An ffmpeg that reads a stream and records the checksum of every frame until disposed of. */
export class Viewer implements AsyncDisposable {
  readonly process: Child;
  readonly #list = new FrameList();

  constructor(url: string) {
    this.process = new Child({
      command: "ffmpeg",
      args: [
        ...[...QUIET, "-analyzeduration", "1000000", "-fpsprobesize", "2", "-copyts", "-i", url],
        ...["-map", "0:v", "-map", "0:a", "-c", "copy", "-copyinkf"],
        ...["-flush_packets", "1", "-f", "framemd5", "-"],
      ],
      onOutputLine: (line) => this.#list.add(line),
    });
  }

  get video(): Frame[] {
    return this.#list.of("video");
  }

  get audio(): Frame[] {
    return this.#list.of("audio");
  }

  /** Waits for `count` more video frames. */
  async moreVideo(count: number, timeout = 20_000): Promise<void> {
    const wanted = this.video.length + count;
    const hasCome = () => this.video.length >= wanted;
    await this.process.until(`${count} more video frames`, hasCome, timeout);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]();
  }
}

/**
 * Reads the frames of a recorded file.
 *
 * @throws Error when ffmpeg cannot read the file
 */
export async function recordedFrames(path: string): Promise<FrameList> {
  const list = new FrameList();
  await using reader = new Child({
    command: "ffmpeg",
    args: [
      ...[...QUIET, "-copyts", "-i", path, "-map", "0:v", "-map", "0:a", "-c", "copy"],
      ...["-copyinkf", "-f", "framemd5", "-"],
    ],
    onOutputLine: (line) => list.add(line),
  });
  const { code } = await reader.end();
  if (code !== 0) throw new Error(`Cannot read ${path}\n${reader.errorText}`);
  return list;
}
