// Programs that use libsrt: ffmpeg and srt-live-transmit as callers and listeners, with files at
// both ends. Knows nothing about the proxy.

import { Child } from "./child.ts";
import { freePort } from "./ports.ts";
import { srtInduction } from "./srt_packets.ts";
import { TempFolder } from "./temp_folder.ts";
import { UdpPeer } from "./udp_peer.ts";
import { until } from "./wait.ts";

/** Options of libsrt, by their names in URLs. */
export type SrtUrlOptions = Readonly<Record<string, string | number>>;

const QUIET = ["-hide_banner", "-nostdin", "-loglevel", "error"];

/** A URL for ffmpeg and srt-live-transmit. */
export function srtUrl(port: number, options: SrtUrlOptions = {}, host = "127.0.0.1"): string {
  const query = Object.entries(options).map(([name, value]) => `${name}=${value}`).join("&");
  return `srt://${host}:${port}?${query}`;
}

/** ffmpeg arguments that remux a file to a transport stream, with the same bytes every time. */
function remux(file: string, seconds: number): string[] {
  const bytes = ["-c", "copy", "-flags", "+bitexact", "-mpegts_flags", "+resend_headers"];
  return ["-re", "-i", file, "-t", String(seconds), ...bytes, "-f", "mpegts"];
}

/** The bytes that a caller sends for a file. */
export async function sentBytes(file: string, seconds: number): Promise<Uint8Array> {
  await using folder = new TempFolder();
  const path = folder.file("sent.ts");
  const args = remux(file, seconds).filter((arg) => arg !== "-re");
  await using ffmpeg = new Child({ command: "ffmpeg", args: [...QUIET, ...args, path] });
  const { code } = await ffmpeg.end(30_000);
  if (code !== 0) throw new Error(ffmpeg.errorText);
  return await Deno.readFile(path);
}

/** Starts a caller that publishes a file in real time and ends by itself. */
export function publish(
  url: string,
  streamId: string,
  { file, seconds }: { readonly file: string; readonly seconds: number },
): Child {
  const id = ["-srt_streamid", streamId, "-pkt_size", "1316"];
  return new Child({
    command: "ffmpeg",
    args: [...QUIET, ...remux(file, seconds), ...id, url],
  });
}

/** Starts a caller that sends all bytes of a file at once and then stays connected silently. */
export function publishBytes(url: string, streamId: string, path: string): Child {
  const raw = "-f data -i pipe:3 -map 0 -c copy -flush_packets 1 -f data -pkt_size 1316";
  const input = '3< <(exec tail -c +1 -f --pid=$$ "$2" 2>/dev/null)';
  const program = `exec ffmpeg ${QUIET.join(" ")} ${raw} -srt_streamid "$1" "$0" ${input}`;
  return new Child({ command: "bash", args: ["-c", program, url, streamId, path] });
}

/** Waits until SRT callers are answered on a port, on 127.0.0.1 unless given. */
export async function untilListening(port: number, host?: string): Promise<void> {
  await using caller = new UdpPeer(host);
  await until("an SRT listener", async () => {
    await caller.send(srtInduction(1), port);
    return caller.waiting > 0;
  });
}

/** Starts a listener that sends a caller a file in real time and ends with it. */
export function serve(
  port: number,
  file: string,
  { seconds, options = {} }: { readonly seconds: number; readonly options?: SrtUrlOptions },
): Child {
  const url = srtUrl(port, { mode: "listener", ...options });
  return new Child({
    command: "ffmpeg",
    args: [...QUIET, ...remux(file, seconds), "-pkt_size", "1316", url],
  });
}

/** srt-live-transmit, which writes what it receives into a file. */
export class SrtReceiver implements AsyncDisposable {
  readonly process: Child;
  readonly #folder: TempFolder;

  private constructor(process: Child, folder: TempFolder) {
    this.process = process;
    this.#folder = folder;
  }

  /** @param url of a caller or, with mode=listener, of a listener */
  static open(url: string): SrtReceiver {
    const folder = new TempFolder();
    const path = folder.file("received.ts");
    // Its own file target occasionally rewrites the file; its standard output does not.
    const program = 'exec srt-live-transmit -q -a:no -chunk:1316 "$0" file://con > "$1"';
    return new SrtReceiver(
      new Child({ command: "sh", args: ["-c", program, url, path] }),
      folder,
    );
  }

  /** A listener on a free port. */
  static listen(options: SrtUrlOptions = {}): { receiver: SrtReceiver; port: number } {
    const port = freePort();
    return { receiver: SrtReceiver.open(srtUrl(port, { mode: "listener", ...options })), port };
  }

  /** Bytes received so far. */
  size(): number {
    try {
      return Deno.statSync(this.#folder.file("received.ts")).size;
    } catch {
      // The shell has not created it yet.
      return 0;
    }
  }

  /** Everything received, once the program has ended by itself. */
  async received(timeout = 30_000): Promise<Uint8Array> {
    await this.process.end(timeout);
    return await Deno.readFile(this.#folder.file("received.ts"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}
