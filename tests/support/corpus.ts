// Inputs that have broken this program or others, or are close to a limit, in one folder for each
// protocol. A file contains bytes as hexadecimal numbers and as quoted texts, one byte per
// character; `* 500` repeats what precedes it in its line, and `#` begins a comment.

import { bytesOfText } from "../../src/core/binary_text.ts";
import { join } from "./rtmp_wire.ts";

export interface CorpusInput {
  /** The name of its file, without the extension. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The inputs for a protocol, by name. */
export function corpusOf(
  protocol: "rtmp" | "srt" | "stun" | "http" | "sdp" | "ice_tcp",
): CorpusInput[] {
  const folder = new URL(`corpus/${protocol}/`, import.meta.url);
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  return names.map((name) => {
    const text = Deno.readTextFileSync(new URL(name, folder));
    return { name: name.replace(".txt", ""), bytes: parseInput(text) };
  });
}

const LINE = /^((?:"(?:[^"\\]|\\.)*"|[\da-f ])*?) *(?:\* (\d+) *)?(?:#.*)?$/;
const TOKENS = /"(?:[^"\\]|\\.)*"|[\da-f]{2}/g;

function parseInput(text: string): Uint8Array<ArrayBuffer> {
  return join(
    text.split("\n").flatMap((line) => {
      const match = LINE.exec(line);
      if (match === null) throw new Error(`Cannot read a line: current value is ${line}`);
      const [, data = "", times = "1"] = match;
      return new Array<Uint8Array>(Number(times)).fill(parseLine(data));
    }),
  );
}

function parseLine(data: string): Uint8Array<ArrayBuffer> {
  return join((data.match(TOKENS) ?? []).map((token) => {
    if (token.startsWith('"')) return bytesOfText(JSON.parse(token));
    return Uint8Array.of(parseInt(token, 16));
  }));
}
