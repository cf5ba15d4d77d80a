// An endless FLV body whose every byte can be checked: tags of equal length with increasing
// timestamps. Writer and checker; pure.

const HEADER = Uint8Array.of(0x46, 0x4c, 0x56, 1, 5, 0, 0, 0, 9, 0, 0, 0, 0);
const TAG_HEADER = 11;
const TRAILER = 4;
const VIDEO = 9;
const ENCODER = new TextEncoder();

/** How a body is delimited: by chunks, by the end of the connection, or by its length in bytes. */
export type Framing = "chunked" | "until_close" | number;

/** Writes one body in pieces of one tag each; the first begins with the file header. */
export class FlvWriter {
  readonly #piece: Uint8Array;
  readonly #tag: Uint8Array;
  readonly #isChunked: boolean;
  #count = 0;

  /** @param tagLength length of each whole tag in bytes, at least 16 */
  constructor(tagLength: number, framing: Framing) {
    this.#isChunked = framing === "chunked";
    const head = this.#isChunked
      ? ENCODER.encode(`${tagLength.toString(16)}\r\n`)
      : new Uint8Array();
    const tail = this.#isChunked ? ENCODER.encode("\r\n") : new Uint8Array();
    this.#piece = Uint8Array.of(...head, ...new Uint8Array(tagLength), ...tail);
    this.#tag = this.#piece.subarray(head.length, head.length + tagLength);
    fillTag(this.#tag);
  }

  /** The header field and empty line before the first piece. */
  get header(): Uint8Array {
    if (!this.#isChunked) return HEADER;
    return Uint8Array.of(...ENCODER.encode("d\r\n"), ...HEADER, ...ENCODER.encode("\r\n"));
  }

  /** The next piece, framing included; valid until the next call. */
  next(): Uint8Array {
    const count = this.#count++;
    this.#tag.set([count >> 16 & 0xff, count >> 8 & 0xff, count & 0xff, count >> 24 & 0xff], 4);
    return this.#piece;
  }
}

function fillTag(tag: Uint8Array): void {
  const view = new DataView(tag.buffer, tag.byteOffset);
  const dataLength = tag.length - TAG_HEADER - TRAILER;
  for (let at = TAG_HEADER; at < tag.length - TRAILER; at++) tag[at] = dataByte(at);
  view.setUint32(0, VIDEO << 24 | dataLength);
  view.setUint32(tag.length - TRAILER, TAG_HEADER + dataLength);
}

/** Not ASCII, so that text cannot be mistaken for it. */
function dataByte(at: number): number {
  return 0x80 | at & 0x7f;
}

/** Checks the bytes of such a body as they arrive. */
export class FlvChecker {
  readonly #tagLength: number;
  #at = 0;

  constructor(tagLength: number) {
    this.#tagLength = tagLength;
  }

  /** Number of correct bytes so far. */
  get length(): number {
    return this.#at;
  }

  /** @throws Error at the first byte that differs from the writer's */
  push(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte !== this.#expected()) {
        const shown = new TextDecoder("latin1").decode(bytes.subarray(0, 200));
        throw new Error(`Cannot take byte ${this.#at} of the media: current value is ${byte}, in
${JSON.stringify(shown)}`);
      }
      this.#at++;
    }
  }

  #expected(): number {
    if (this.#at < HEADER.length) return HEADER[this.#at]!;
    const position = this.#at - HEADER.length;
    const count = Math.floor(position / this.#tagLength);
    const at = position % this.#tagLength;
    const dataLength = this.#tagLength - TAG_HEADER - TRAILER;
    if (at === 0) return VIDEO;
    if (at < 4) return dataLength >> 8 * (3 - at) & 0xff;
    if (at < 7) return count >> 8 * (6 - at) & 0xff;
    if (at === 7) return count >> 24 & 0xff;
    if (at < TAG_HEADER) return 0;
    const left = this.#tagLength - at;
    return left > TRAILER ? dataByte(at) : TAG_HEADER + dataLength >> 8 * (left - 1) & 0xff;
  }
}
