// SRT handshakes as callers and listeners write them, for tests and benchmarks. Written from
// draft-sharabayko-srt-01, independently of the parser.

/** An extension block; `data` is padded to whole words. */
export interface SrtExtension {
  readonly type: number;
  readonly data: Uint8Array;
  /** The length in words that the block claims, if not the true one. */
  readonly words?: number;
}

export interface SrtHandshakeOptions {
  readonly version?: number;
  readonly extensionField?: number;
  readonly type: number;
  readonly socketId: number;
  readonly cookie?: number;
  readonly destination?: number;
  readonly timestamp?: number;
  readonly sequence?: number;
  readonly mss?: number;
  readonly flowWindow?: number;
  readonly extensions?: readonly SrtExtension[];
}

const HSREQ: SrtExtension = {
  type: 1,
  data: Uint8Array.of(0, 1, 5, 1, 0, 0, 0, 0xbf, 0, 0x78, 0, 0x78),
};

export function srtHandshake(options: SrtHandshakeOptions): Uint8Array<ArrayBuffer> {
  const { extensions = [] } = options;
  const blocks = extensions.map(encodeExtension);
  const packet = new Uint8Array(64 + blocks.reduce((sum, { length }) => sum + length, 0));
  const view = new DataView(packet.buffer);
  view.setUint32(0, 0x80000000);
  view.setUint32(8, options.timestamp ?? 1000);
  view.setInt32(12, options.destination ?? 0);
  view.setUint32(16, options.version ?? 5);
  view.setUint16(22, options.extensionField ?? 0);
  view.setUint32(24, options.sequence ?? 12345);
  view.setUint32(28, options.mss ?? 1500);
  view.setUint32(32, options.flowWindow ?? 8192);
  view.setInt32(36, options.type);
  view.setInt32(40, options.socketId);
  view.setInt32(44, options.cookie ?? 0);
  packet.set([1, 0, 0, 127], 48);
  let at = 64;
  for (const block of blocks) {
    packet.set(block, at);
    at += block.length;
  }
  return packet;
}

/** The first packet of a caller. */
export function srtInduction(socketId: number): Uint8Array<ArrayBuffer> {
  return srtHandshake({ version: 4, extensionField: 2, type: 1, socketId });
}

/** The second packet of a caller. */
export function srtConclusion(
  options: Omit<SrtHandshakeOptions, "type"> & { readonly streamId?: string },
): Uint8Array<ArrayBuffer> {
  const { streamId, extensions = [], extensionField = 5 } = options;
  const id = streamId === undefined ? [] : [streamIdExtension(streamId)];
  const all = [HSREQ, ...extensions, ...id];
  return srtHandshake({ ...options, type: -1, extensionField, extensions: all });
}

/** A StreamID as libsrt writes it. */
export function streamIdExtension(text: string): SrtExtension {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  return { type: 5, data: Uint8Array.from(padded, (_, at) => padded[at ^ 3]!) };
}

function encodeExtension({ type, data, words = (data.length + 3) >> 2 }: SrtExtension): Uint8Array {
  const block = new Uint8Array(4 + ((data.length + 3) & ~3));
  const view = new DataView(block.buffer);
  view.setUint16(0, type);
  view.setUint16(2, words);
  block.set(data, 4);
  return block;
}

/** A data packet, or a control packet with that type and subtype. */
export function packetFor(
  socketId: number,
  { control, subtype = 0, length = 1316 }: {
    readonly control?: number;
    readonly subtype?: number;
    readonly length?: number;
  },
): Uint8Array {
  const packet = new Uint8Array(16 + length);
  const view = new DataView(packet.buffer);
  if (control !== undefined) view.setUint32(0, ((0x8000 | control) << 16) + subtype);
  view.setInt32(12, socketId);
  return packet;
}
