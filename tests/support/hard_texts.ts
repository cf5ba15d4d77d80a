// Generates texts that are hard for a regular expression from the expression itself: a prefix that
// reaches a repetition, a long run of what it may or may not repeat, and an end on which it fails.

import type { CharacterSet, Node } from "./expression_tree.ts";

/** Characters that represent all others, as far as sets distinguish them. */
const CANDIDATES: readonly string[] = [
  ..."aA0b1zZ9 .-_:/\\\"'<>=&;,?#@[]{}()%+*!|~^$`\t\n\r\0",
  ...["\u007f", "\u0080", "\u00a0", "\u00e9", "\u2028", "\u202e", "\u4e2d", "\ud800", "\udc00"],
  ...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)),
];

/** Length of the run, in characters. */
export interface HardTextOptions {
  readonly length: number;
}

export function* hardTexts(tree: Node, { length }: HardTextOptions): Generator<string> {
  const characters = representatives(setsOf(tree));
  const ends = ["", ...characters];
  const begins = new Set(["", ...beginsOf(tree, "", characters)]);
  for (const begin of begins) {
    if (begin.length > 1) {
      for (const end of ends) yield begin.repeat(length / begin.length) + end;
    }
    for (const one of characters) {
      for (const end of ends) yield begin + one.repeat(length) + end;
      for (const other of characters) {
        if (other === one) continue;
        for (const end of ["", "\n", one]) {
          yield begin + (one + other).repeat(length / 2) + end;
        }
      }
    }
  }
}

/** One character for each combination of sets that contain it. */
function representatives(sets: readonly CharacterSet[]): string[] {
  const byWay = new Map<string, string>();
  for (const character of CANDIDATES) {
    const code = character.codePointAt(0)!;
    const way = sets.map((set) => set.has(code) ? "1" : "0").join("");
    if (!byWay.has(way)) byWay.set(way, character);
  }
  return [...byWay.values()];
}

/** All character sets in a part. */
function setsOf(node: Node): CharacterSet[] {
  switch (node.kind) {
    case "set":
      return [node.set];
    case "sequence":
      return node.parts.flatMap(setsOf);
    case "choice":
      return node.options.flatMap(setsOf);
    case "repeat":
    case "look":
      return setsOf(node.body);
    default:
      return [];
  }
}

/** Prefixes that reach each repetition, and ones that enter it once. */
function beginsOf(node: Node, before: string, characters: readonly string[]): string[] {
  switch (node.kind) {
    case "sequence": {
      const begins: string[] = [];
      let so = before;
      for (const part of node.parts) {
        begins.push(...beginsOf(part, so, characters));
        so += sampleOf(part, characters);
      }
      return begins;
    }
    case "choice":
      return node.options.flatMap((option) => beginsOf(option, before, characters));
    case "repeat": {
      const inside = beginsOf(node.body, before, characters);
      return [before, before + sampleOf(node.body, characters), ...inside];
    }
    case "look":
      return beginsOf(node.body, before, characters);
    default:
      return [];
  }
}

/** A short text that a part matches. */
function sampleOf(node: Node, characters: readonly string[]): string {
  switch (node.kind) {
    case "set":
      return characters.find((one) => node.set.has(one.codePointAt(0)!)) ?? "";
    case "sequence":
      return node.parts.map((part) => sampleOf(part, characters)).join("");
    case "choice":
      return sampleOf(node.options[0]!, characters);
    case "repeat":
      return sampleOf(node.body, characters).repeat(node.least);
    default:
      return "";
  }
}
