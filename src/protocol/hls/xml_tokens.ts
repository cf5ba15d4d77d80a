// Finds the tags of an XML document by position, so that single values can be replaced and all
// other bytes stay unchanged. Accepts only well-formed documents without a document type: these
// have no entities but XML's own, and no declaration can change what a tag means. Checks that tags
// match; knows neither namespaces nor DASH.

import { ProtocolError } from "../../core/errors.ts";

/** An attribute; `from` and `to` delimit its value in the document, without the quotes. */
export interface XmlAttribute {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** A tag; an empty element (`<a/>`) yields an opening and a closing one. */
export type XmlTag =
  | {
    readonly kind: "open";
    /** Without its namespace prefix. */
    readonly name: string;
    readonly attributes: readonly XmlAttribute[];
    /** Where the content begins. */
    readonly contentAt: number;
    /** Written as `<a/>`. */
    readonly isEmpty: boolean;
    /** 1 for the root element. */
    readonly depth: number;
  }
  | { readonly kind: "close"; readonly name: string };

const MAX_DEPTH = 64;
const MAX_ATTRIBUTES = 256;
// White space is spelled out: `\s` would also match bytes of multi-byte characters.
const NAME = /[^ \t\r\n<>/="'&]+/y;
const ATTRIBUTE = /[ \t\r\n]+([^ \t\r\n<>/="'&]+)[ \t\r\n]*=[ \t\r\n]*(?:"([^"<]*)"|'([^'<]*)')/y;
const TAG_END = /[ \t\r\n]*(\/?)>/y;
const CLOSING_TAG = /<\/([^ \t\r\n<>/="'&]+)[ \t\r\n]*>/y;
/** Sections that are skipped whole, by how they begin and end. */
const SKIPPED = [["<!--", "-->"], ["<![CDATA[", "]]>"], ["<?", "?>"]] as const;

/**
 * Yields the tags in document order.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const tags = [...xmlTags("<a><b c='1'/></a>")];
 * assert.deepEqual(tags.map(({ kind, name }) => `${kind} ${name}`), [
 *   ...["open a", "open b", "close b", "close a"],
 * ]);
 * ```
 *
 * @throws ProtocolError when the document is not well-formed, nested deeper than 64 or has a
 * document type
 */
export function* xmlTags(xml: string): Generator<XmlTag, void> {
  const open: string[] = [];
  let roots = 0;
  for (let at = xml.indexOf("<"); at >= 0; at = xml.indexOf("<", at)) {
    const skippedTo = skip(xml, at);
    if (skippedTo !== undefined) {
      at = skippedTo;
    } else if (xml.startsWith("</", at)) {
      const [all, name] = match(CLOSING_TAG, xml, at);
      if (open.pop() !== name) throw malformed(at);
      yield { kind: "close", name: localName(name!) };
      at += all.length;
    } else {
      if (open.length === 0 && ++roots > 1) throw malformed(at);
      const tag = readOpeningTag(xml, at);
      yield { ...tag, kind: "open", name: localName(tag.name), depth: open.length + 1 };
      if (tag.isEmpty) yield { kind: "close", name: localName(tag.name) };
      else open.push(tag.name);
      if (open.length > MAX_DEPTH) throw malformed(at);
      at = tag.contentAt;
    }
  }
  if (open.length > 0 || roots === 0) throw malformed(xml.length);
}

/** The end of a comment, CDATA section or processing instruction that begins here, if one does. */
function skip(xml: string, at: number): number | undefined {
  const kind = SKIPPED.find(([start]) => xml.startsWith(start, at));
  if (kind === undefined) return undefined;
  const [start, end] = kind;
  const endAt = xml.indexOf(end, at + start.length);
  if (endAt < 0) throw malformed(at);
  return endAt + end.length;
}

function readOpeningTag(xml: string, at: number) {
  const [name] = match(NAME, xml, at + 1);
  const attributes: XmlAttribute[] = [];
  let end = at + 1 + name.length;
  for (;;) {
    ATTRIBUTE.lastIndex = end;
    const found = ATTRIBUTE.exec(xml);
    if (found === null) break;
    if (attributes.length === MAX_ATTRIBUTES) throw malformed(at);
    end = ATTRIBUTE.lastIndex;
    const value = found[2] ?? found[3] ?? "";
    attributes.push({ name: found[1]!, from: end - 1 - value.length, to: end - 1 });
  }
  const [tail, slash] = match(TAG_END, xml, end);
  return { name, attributes, contentAt: end + tail.length, isEmpty: slash === "/" };
}

function match(pattern: RegExp, xml: string, at: number): RegExpExecArray {
  pattern.lastIndex = at;
  const found = pattern.exec(xml);
  if (found === null) throw malformed(at);
  return found;
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

function malformed(at: number): ProtocolError {
  return new ProtocolError(`Cannot read an XML document: malformed at ${at}`);
}
