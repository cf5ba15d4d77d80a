// Frames as ffmpeg's `framemd5` writes them, and comparisons between readers of one stream.
// Timestamps are milliseconds of the stream's own clock, so that readers which joined at different
// times can be aligned.

/** One audio or video frame as it was in the stream, undecoded. */
export interface Frame {
  readonly kind: "video" | "audio";
  readonly dts: number;
  readonly pts: number;
  readonly size: number;
  readonly hash: string;
}

/** Collects frames from the lines of a `framemd5` output. */
export class FrameList {
  readonly frames: Frame[] = [];
  readonly #kinds = new Map<string, Frame["kind"]>();

  /** Parses one line: a header line or a frame. */
  add(line: string): void {
    const header = /^#media_type (\d+): (video|audio)$/.exec(line);
    if (header !== null) this.#kinds.set(header[1]!, header[2] === "video" ? "video" : "audio");
    if (line.startsWith("#") || line.trim() === "") return;
    const [index, dts, pts, , size, hash] = line.split(",").map((field) => field.trim());
    const kind = this.#kinds.get(index!);
    if (kind === undefined || hash === undefined) {
      throw new Error(`Cannot read a frame: current value is ${line}`);
    }
    this.frames.push({ kind, dts: Number(dts), pts: Number(pts), size: Number(size), hash });
  }

  /** The frames of one kind, in order of arrival. */
  of(kind: Frame["kind"]): Frame[] {
    return this.frames.filter((frame) => frame.kind === kind);
  }
}

/** The frames of both lists between the later start and the earlier end. */
export function overlap(left: readonly Frame[], right: readonly Frame[]): [Frame[], Frame[]] {
  const from = Math.max(left[0]?.dts ?? Infinity, right[0]?.dts ?? Infinity);
  const to = Math.min(left.at(-1)?.dts ?? -Infinity, right.at(-1)?.dts ?? -Infinity);
  const isWithin = (frame: Frame) => frame.dts >= from && frame.dts <= to;
  return [left.filter(isWithin), right.filter(isWithin)];
}

/**
 * Asserts that two readers of one stream have read the same frames while both were reading.
 *
 * @throws Error naming the first difference, or when fewer than `atLeast` frames overlap.
 */
export function assertSameFrames(
  direct: readonly Frame[],
  relayed: readonly Frame[],
  atLeast: number,
): void {
  const [expected, actual] = overlap(direct, relayed);
  const length = Math.max(expected.length, actual.length);
  for (let at = 0; at < length; at++) {
    const left = JSON.stringify(expected[at]);
    const right = JSON.stringify(actual[at]);
    if (left !== right) {
      throw new Error(`Cannot match frame ${at} of ${length}: origin ${left}, proxy ${right}`);
    }
  }
  if (length < atLeast) {
    throw new Error(`Cannot compare ${atLeast} frames: current value is ${length} that overlap`);
  }
}

/**
 * Asserts that no frame is missing: each follows the previous one by more than 0 and at most
 * `longest` milliseconds.
 *
 * @throws Error naming the first gap.
 */
export function assertContiguous(frames: readonly Frame[], longest: number): void {
  for (const [at, frame] of frames.entries()) {
    const previous = frames[at - 1];
    if (previous === undefined) continue;
    const step = frame.dts - previous.dts;
    if (step <= 0 || step > longest) {
      throw new Error(`Cannot go from ${previous.dts} to ${frame.dts}: current value is ${step}`);
    }
  }
}

/**
 * Asserts that frames come unbroken from a file sent in a loop: by its hash, each follows the
 * previous one in the file.
 *
 * @throws Error naming the first that is not.
 */
export function assertUnbroken(frames: readonly Frame[], file: readonly Frame[]): void {
  const first = file.findIndex(({ hash }) => hash === frames[0]?.hash);
  if (first < 0) throw new Error(`Cannot find the first of ${frames.length} frames in the file`);
  for (const [at, { hash, dts }] of frames.entries()) {
    const expected = file[(first + at) % file.length]!;
    if (hash !== expected.hash) {
      throw new Error(`Cannot match frame ${at} at ${dts}: current value is ${hash}`);
    }
  }
}
