// A table of RTMP chunk streams and the messages in them, for decoding, encoding and fuzzing. The
// bytes were written by hand from "Adobe RTMP Specification 1.0", section 5.3.

import { hex, type WireMessage } from "../rtmp_wire.ts";

/** A sender's bytes and the messages in them. */
export interface ChunkCase {
  readonly name: string;
  readonly wire: Uint8Array<ArrayBuffer>;
  readonly messages: readonly WireMessage[];
  /** The chunk size with which the program itself would write these bytes, if it would. */
  readonly writtenWith?: number;
  /** Whether the sender omits the extended timestamp in continuations. */
  readonly omitsExtended?: boolean;
}

/** Bytes that break the chunk stream, and the error they cause. */
export interface BrokenCase {
  readonly name: string;
  readonly wire: Uint8Array<ArrayBuffer>;
  readonly error: RegExp;
}

const AUDIO = 8;
const VIDEO = 9;

function message(
  chunkStream: number,
  timestamp: number,
  type: number,
  streamId: number,
  body: string,
): WireMessage {
  return { chunkStream, timestamp, type, streamId, body: hex(body) };
}

function repeated(byte: string, times: number): string {
  return byte.repeat(times);
}

const SET_SIZE_1 = message(2, 0, 1, 0, "00000001");
const SET_SIZE_65537 = message(2, 0, 1, 0, "00010001");

/** Valid chunk streams. */
export const CHUNK_CASES: readonly ChunkCase[] = [
  {
    name: "a whole header and a short body",
    wire: hex("02 000000 000004 05 00000000 00001000"),
    messages: [message(2, 0, 5, 0, "00001000")],
    writtenWith: 128,
  },
  {
    name: "a message stream id, which alone is little-endian",
    wire: hex("05 0003e8 000002 08 01020304 af01"),
    messages: [message(5, 1000, AUDIO, 0x04030201, "af01")],
    writtenWith: 128,
  },
  {
    name: "formats 0, 1, 2 and 3 in turn",
    wire: hex(`04 000064 000003 09 01000000 170102
               44 00000a 000002 08 af01
               84 000014 af02
               c4 af03`),
    messages: [
      message(4, 100, VIDEO, 1, "170102"),
      message(4, 110, AUDIO, 1, "af01"),
      message(4, 130, AUDIO, 1, "af02"),
      message(4, 150, AUDIO, 1, "af03"),
    ],
  },
  {
    name: "format 3 after format 0, whose timestamp is the delta then",
    wire: hex("06 000028 000001 08 01000000 aa c6 bb c6 cc"),
    messages: [
      message(6, 40, AUDIO, 1, "aa"),
      message(6, 80, AUDIO, 1, "bb"),
      message(6, 120, AUDIO, 1, "cc"),
    ],
  },
  {
    name: "format 1 first on a chunk stream, as librtmp pings",
    wire: hex("42 000007 000006 04 0006 00000001"),
    messages: [message(2, 7, 4, 0, "000600000001")],
  },
  {
    name: "the lowest and the highest id in two bytes",
    wire: hex("00 00 000000 000001 08 01000000 aa 00 ff 000000 000001 08 01000000 bb"),
    messages: [message(64, 0, AUDIO, 1, "aa"), message(319, 0, AUDIO, 1, "bb")],
    writtenWith: 128,
  },
  {
    name: "the lowest and the highest id in three bytes",
    wire: hex("01 00 01 000000 000001 08 01000000 aa 01 ff ff 000000 000001 08 01000000 bb"),
    messages: [message(320, 0, AUDIO, 1, "aa"), message(65599, 0, AUDIO, 1, "bb")],
    writtenWith: 128,
  },
  {
    name: "an id in three bytes where two would do, continued in two",
    wire: hex(`01 01 00 000000 000081 09 01000000 ${repeated("11", 128)} c0 01 22`),
    messages: [message(65, 0, VIDEO, 1, repeated("11", 128) + "22")],
  },
  {
    name: "a body of exactly one chunk, and one of a byte more",
    wire: hex(`03 000000 000080 09 01000000 ${repeated("11", 128)}
               03 000000 000081 09 01000000 ${repeated("22", 128)} c3 33`),
    messages: [
      message(3, 0, VIDEO, 1, repeated("11", 128)),
      message(3, 0, VIDEO, 1, repeated("22", 128) + "33"),
    ],
    writtenWith: 128,
  },
  {
    name: "the last timestamp that is not extended and the first that is",
    wire: hex(`04 fffffe 000001 08 01000000 aa
               04 ffffff 000001 08 01000000 00ffffff bb`),
    messages: [message(4, 0xfffffe, AUDIO, 1, "aa"), message(4, 0xffffff, AUDIO, 1, "bb")],
    writtenWith: 128,
  },
  {
    name: "an extended timestamp in every chunk",
    wire: hex(`04 ffffff 000102 09 01000000 fedcba98 ${repeated("11", 128)}
               c4 fedcba98 ${repeated("22", 128)} c4 fedcba98 3333`),
    messages: [
      message(4, 0xfedcba98, VIDEO, 1, repeated("11", 128) + repeated("22", 128) + "3333"),
    ],
    writtenWith: 128,
  },
  {
    name: "an extended delta, and format 3 that repeats it",
    wire: hex(`04 000001 000001 08 01000000 aa
               44 ffffff 000001 08 01000000 bb
               c4 01000000 cc`),
    messages: [
      message(4, 1, AUDIO, 1, "aa"),
      message(4, 0x1000001, AUDIO, 1, "bb"),
      message(4, 0x2000001, AUDIO, 1, "cc"),
    ],
  },
  {
    name: "a timestamp that wraps",
    wire: hex("04 ffffff 000001 08 01000000 ffffffff aa 44 000002 000001 08 bb"),
    messages: [message(4, 0xffffffff, AUDIO, 1, "aa"), message(4, 1, AUDIO, 1, "bb")],
  },
  {
    name: "an extended timestamp that continuations leave out",
    wire: hex(`04 ffffff 000184 09 01000000 01020304 ${repeated("11", 128)}
               c4 ${repeated("22", 128)} c4 ${repeated("33", 128)} c4 44444444`),
    messages: [
      message(
        4,
        0x1020304,
        VIDEO,
        1,
        repeated("11", 128) + repeated("22", 128) + repeated("33", 128) + repeated("44", 4),
      ),
    ],
    omitsExtended: true,
  },
  ...[1, 2, 3].map((length): ChunkCase => ({
    name: `an extended timestamp left out before a last chunk of ${length}`,
    wire: hex(`04 ffffff ${hexLength(128 + length)} 09 01000000 01020304 ${repeated("11", 128)}
               c4 ${repeated("22", length)}
               44 000028 000002 08 af01`),
    messages: [
      message(4, 0x1020304, VIDEO, 1, repeated("11", 128) + repeated("22", length)),
      message(4, 0x1020304 + 40, AUDIO, 1, "af01"),
    ],
    omitsExtended: true,
  })),
  {
    name: "two messages with their chunks mixed",
    wire: hex(`04 000000 000081 09 01000000 ${repeated("11", 128)}
               05 000000 000082 08 01000000 ${repeated("22", 128)}
               c4 33 c5 4444`),
    messages: [
      message(4, 0, VIDEO, 1, repeated("11", 128) + "33"),
      message(5, 0, AUDIO, 1, repeated("22", 128) + "4444"),
    ],
  },
  {
    name: "messages of no length",
    wire: hex("04 000005 000000 09 01000000 44 000001 000000 08 c4 c4 84 000000"),
    messages: [
      message(4, 5, VIDEO, 1, ""),
      ...[6, 7, 8, 8].map((time) => message(4, time, AUDIO, 1, "")),
    ],
  },
  {
    name: "a chunk size that grows between two chunks of a message",
    wire: hex(`04 000000 000200 09 01000000 ${repeated("11", 128)}
               02 000000 000004 01 00000000 00001000
               c4 ${repeated("22", 384)}`),
    messages: [
      message(2, 0, 1, 0, "00001000"),
      message(4, 0, VIDEO, 1, repeated("11", 128) + repeated("22", 384)),
    ],
  },
  {
    name: "an abort of an unfinished message",
    wire: hex(`04 000000 000100 09 01000000 ${repeated("11", 128)}
               02 000000 000004 02 00000000 00000004
               44 000005 000001 08 aa`),
    messages: [message(2, 0, 2, 0, "00000004"), message(4, 5, AUDIO, 1, "aa")],
  },
  {
    name: "an abort of nothing",
    wire: hex("02 000000 000004 02 00000000 00000009 04 000000 000001 08 01000000 aa"),
    messages: [message(2, 0, 2, 0, "00000009"), message(4, 0, AUDIO, 1, "aa")],
    writtenWith: 128,
  },
  {
    name: "chunks of one byte",
    wire: hex(`02 000000 000004 01 00000000 00000001
               04 000000 000003 08 01000000 aa c4 bb c4 cc`),
    messages: [SET_SIZE_1, message(4, 0, AUDIO, 1, "aabbcc")],
  },
  {
    name: "a chunk size set in chunks of one byte, another one between",
    wire: hex(`02 000000 000004 01 00000000 00000001
               02 000000 000004 01 00000000 00
               07 000000 000004 01 00000000 00 c7 00 c7 01 c7 00
               c2 000200
               04 000000 000006 08 01000000 aabbccddeeff`),
    messages: [
      SET_SIZE_1,
      message(7, 0, 1, 0, "00000100"),
      message(2, 0, 1, 0, "00000200"),
      message(4, 0, AUDIO, 1, "aabbccddeeff"),
    ],
  },
  {
    name: "chunks of more than 65,536 bytes",
    wire: hex(`02 000000 000004 01 00000000 00010001
               04 000000 010003 09 01000000 ${repeated("11", 65537)} c4 2222`),
    messages: [SET_SIZE_65537, message(4, 0, VIDEO, 1, repeated("11", 65537) + "2222")],
  },
];

function hexLength(length: number): string {
  return length.toString(16).padStart(6, "0");
}

/** Invalid chunk streams. */
export const BROKEN_CASES: readonly BrokenCase[] = [
  {
    name: "a chunk size of 0",
    wire: hex("02 000000 000004 01 00000000 00000000"),
    error: /Cannot set chunk size: current value is 0$/,
  },
  {
    name: "a chunk size of 2³¹",
    wire: hex("02 000000 000004 01 00000000 80000000"),
    error: /Cannot set chunk size: current value is 2147483648/,
  },
  {
    name: "a chunk size of 2³² − 1",
    wire: hex("02 000000 000004 01 00000000 ffffffff"),
    error: /Cannot set chunk size/,
  },
  {
    name: "a Set Chunk Size of three bytes",
    wire: hex("02 000000 000003 01 00000000 000010"),
    error: /too short/,
  },
  {
    name: "an Abort of no length",
    wire: hex("02 000000 000000 02 00000000"),
    error: /too short/,
  },
  {
    name: "format 3 on a new chunk stream",
    wire: hex("c4 aa"),
    error: /Cannot begin chunk stream 4 with a header of type 3/,
  },
  {
    name: "format 2 on a new chunk stream",
    wire: hex("84 000001 aa"),
    error: /Cannot begin chunk stream 4 with a header of type 2/,
  },
  ...[0, 1, 2].map((format): BrokenCase => ({
    name: `format ${format} inside a message`,
    wire: hex(`04 000000 000081 09 01000000 ${repeated("11", 128)}
               ${["04 000000 000081 09 01000000", "44 000000 000081 09", "84 000000"][format]} 22`),
    error: /Cannot begin a message inside another on chunk stream 4/,
  })),
  {
    name: "messages of nearly 16 MiB on thousands of chunk streams",
    wire: hex(
      Array.from(
        { length: 4000 },
        (_, index) =>
          `01 ${littleEndian16(index)} 000000 fffffe 09 01000000 ${repeated("11", 128)}`,
      ).join(""),
    ),
    error: /Cannot open more chunk streams/,
  },
];

function littleEndian16(value: number): string {
  const digits = value.toString(16).padStart(4, "0");
  return digits.slice(2) + digits.slice(0, 2);
}
