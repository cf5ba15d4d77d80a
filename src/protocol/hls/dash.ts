// Rewrites DASH manifests (MPD, ISO/IEC 23009-1), so that every request made from them leads
// through the proxy and names the stream's origin with `spbhid`. Edits single values in the XML
// text and leaves every other byte unchanged. Knows nothing about HTTP or compression.
//
// Segments carry the parameter although some paths seem to name the stream: SRS writes
// `<BaseURL>show/</BaseURL>` and `$RepresentationID$-$Number$.m4s`, so the folder names the stream,
// but nginx-rtmp writes `show-$Time$.m4v` and `show-init.m4a`, where no rule separates the stream's
// name from the rest. Players resolve a link against its base by RFC 3986, which drops the base's
// query and keeps the link's. So the parameter is added to what is resolved last: templates
// (`$Number$` and the like are not touched), SegmentURL, Initialization and so on. A BaseURL that
// ends with a slash gets none; any other may itself be the media file and gets it too.
//
// A BaseURL may also lead elsewhere (a CDN): links below it then belong to that server and are left
// unchanged. Also left unchanged: clocks (UTCTiming), content steering, licence servers, values
// with references to characters beyond ASCII, a BaseURL written as CDATA.

import { ProtocolError } from "../../core/errors.ts";
import { bytesOfText, textOfBytes } from "../../core/binary_text.ts";
import { type LinkTarget, placeOf, rewriteLink } from "./link.ts";
import { type XmlTag, xmlTags } from "./xml_tokens.ts";

/** Limits for rewriting, in bytes. */
export const MANIFEST_BOUNDS = { length: 4 << 20, result: 32 << 20 } as const;

/** Attributes that hold links, by element. */
const LINK_ATTRIBUTES: ReadonlyMap<string, readonly string[]> = new Map([
  ["SegmentTemplate", ["media", "initialization", "index", "bitstreamSwitching"]],
  ["SegmentURL", ["media", "index"]],
  ["Initialization", ["sourceURL"]],
  ["RepresentationIndex", ["sourceURL"]],
  ["BitstreamSwitching", ["sourceURL"]],
]);

/** Elements whose text is a link to a manifest. */
const MANIFEST_LINKS: ReadonlySet<string> = new Set(["Location", "PatchLocation"]);

type OpeningTag = Extract<XmlTag, { kind: "open" }>;

interface Frame {
  /** Whether relative links in the element lead to another server. */
  isElsewhere: boolean;
  hasBase: boolean;
}

/**
 * Rewrites a manifest's links; see `rewriteLink` for how.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const target = { spbhid: "x", clientHost: "proxy.example", originAddresses: [] };
 * const manifest = `<MPD><SegmentTemplate media="$Number$.m4s"/></MPD>`;
 * const rewritten = rewriteManifest(new TextEncoder().encode(manifest), target);
 * assert.equal(
 *   new TextDecoder().decode(rewritten),
 *   `<MPD><SegmentTemplate media="$Number$.m4s?spbhid=x"/></MPD>`,
 * );
 * ```
 *
 * @throws ProtocolError when it is not a manifest, has a document type or exceeds the limits; pass
 * it on unchanged then
 */
export function rewriteManifest(
  manifest: Uint8Array,
  target: LinkTarget,
): Uint8Array<ArrayBuffer> {
  requireWithin(manifest.length, MANIFEST_BOUNDS.length);
  return bytesOfText(new ManifestEditor(textOfBytes(manifest), target).edit());
}

function requireWithin(length: number, bound: number): void {
  if (length <= bound) return;
  throw new ProtocolError(
    `Cannot rewrite a manifest over ${bound} bytes: current value is ${length}`,
  );
}

class ManifestEditor {
  readonly #xml: string;
  readonly #target: LinkTarget;
  readonly #addressOnly: LinkTarget;
  readonly #frames: Frame[] = [];
  readonly #result: string[] = [];
  #resultLength = 0;
  #copiedTo = 0;

  constructor(xml: string, target: LinkTarget) {
    this.#xml = xml;
    this.#target = target;
    this.#addressOnly = { ...target, spbhid: undefined };
  }

  edit(): string {
    for (const tag of xmlTags(this.#xml)) {
      if (tag.kind === "close") this.#frames.pop();
      else this.#editElement(tag);
    }
    this.#replace(this.#xml.length, this.#xml.length, "");
    return this.#result.join("");
  }

  #editElement(tag: OpeningTag): void {
    if (tag.depth === 1 && tag.name !== "MPD") {
      throw new ProtocolError("Cannot read a manifest: its root is not MPD");
    }
    const parent = this.#frames.at(-1);
    const names = LINK_ATTRIBUTES.get(tag.name) ?? [];
    for (const { name, from, to } of tag.attributes) {
      if (!names.includes(name) && name !== "xlink:href") continue;
      this.#editValue(from, to, (link) => this.#rewriteBased(link, parent));
    }
    if (tag.name === "BaseURL") this.#editText(tag, (link) => this.#rewriteBase(link, parent));
    if (MANIFEST_LINKS.has(tag.name)) {
      this.#editText(tag, (link) => rewriteLink(link, this.#target));
    }
    this.#frames.push({ isElsewhere: parent?.isElsewhere ?? false, hasBase: false });
  }

  /** Rewrites a link that is resolved against the bases of the enclosing elements. */
  #rewriteBased(link: string, parent: Frame | undefined): string {
    const isElsewhere = parent?.isElsewhere === true && placeOf(link, this.#target) === "relative";
    return isElsewhere ? link : rewriteLink(link, this.#target);
  }

  /**
   * Rewrites a base. Several bases of one element are alternatives, so one that leads to the origin
   * is enough.
   */
  #rewriteBase(link: string, parent: Frame | undefined): string {
    const place = placeOf(link, this.#target);
    const grandparent = this.#frames.at(-2);
    const inherited = grandparent?.isElsewhere ?? false;
    const isElsewhere = place === "elsewhere" || (place === "relative" && inherited);
    if (parent) {
      parent.isElsewhere = isElsewhere && (!parent.hasBase || parent.isElsewhere);
      parent.hasBase = true;
    }
    if (isElsewhere) return link;
    return rewriteLink(link, isFolder(link) ? this.#addressOnly : this.#target);
  }

  #editText(tag: OpeningTag, rewrite: (link: string) => string): void {
    const end = this.#xml.indexOf("<", tag.contentAt);
    // Only plain text up to the closing tag can be a link.
    if (tag.isEmpty || end < 0 || !this.#xml.startsWith("</", end)) return;
    this.#editValue(tag.contentAt, end, rewrite);
  }

  #editValue(from: number, to: number, rewrite: (link: string) => string): void {
    const link = unescapeXml(this.#xml.slice(from, to));
    if (link === undefined) return;
    const rewritten = rewrite(link);
    if (rewritten !== link) this.#replace(from, to, escapeXml(rewritten));
  }

  #replace(from: number, to: number, text: string): void {
    const kept = this.#xml.slice(this.#copiedTo, from);
    this.#result.push(kept, text);
    this.#copiedTo = to;
    this.#resultLength += kept.length + text.length;
    requireWithin(this.#resultLength, MANIFEST_BOUNDS.result);
  }
}

function isFolder(link: string): boolean {
  return /^[^?#]*\/[ \t\r\n]*(?:[?#]|$)/.test(link);
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

/** Replaces references; undefined if one stands for anything but printable ASCII. */
function unescapeXml(text: string): string | undefined {
  let isPlain = true;
  const plain = text.replace(/&([^;&]{0,10};)?/g, (_, reference = "") => {
    const name = reference.slice(0, -1);
    const [, hex, decimal] = /^#(?:x([0-9a-f]+)|(\d+))$/i.exec(name) ?? [];
    const code = hex ? parseInt(hex, 16) : Number(decimal ?? NaN);
    const character = code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : ENTITIES.get(name);
    if (character === undefined) isPlain = false;
    return character ?? "";
  });
  return isPlain ? plain : undefined;
}

function escapeXml(text: string): string {
  return text.replace(/[&<"']/g, (character) => {
    return character === "&" ? "&amp;" : `&#${character.charCodeAt(0)};`;
  });
}
