// Serves the files of one folder over HTTP (RFC 9110): whole or one range of them, with ETags, and never
// anything outside the folder. Names are checked as sent, decoded once, and checked again for where they
// lead on the disk. Files are streamed, not held in memory.

import { basename, relative } from "node:path";
import { ProxyError } from "../core/errors.ts";
import { parseByteRange } from "./byte_range.ts";
import { contentTypeOf } from "./content_types.ts";

/**
 * Answers a request for a file; undefined if there is none by that name, or none that may be shown. Methods
 * other than GET and HEAD get 405.
 */
export type StaticFiles = (request: Request) => Promise<Response | undefined>;

/** A name that may be looked for on the disk. */
interface WantedName {
  /** Decoded, without empty ones. */
  readonly segments: readonly string[];
  /** Whether it ended with a slash. */
  readonly isFolder: boolean;
  /** Including the question mark. */
  readonly query: string;
}

interface FoundFile {
  readonly path: string;
  readonly isDirectory: boolean;
}

const INDEX = "index.html";
const CHUNK = 64 * 1024;
const MAX_PATH = 4096;
const COMMON_HEADERS = { "x-content-type-options": "nosniff", "cache-control": "no-cache" };

/**
 * Serves a folder, which may be a symbolic link that is changed later.
 *
 * @throws ProxyError `internal` with one clear line when it is not a folder or cannot be read
 */
export async function openStaticFiles(folder: string): Promise<StaticFiles> {
  try {
    for await (const _ of Deno.readDir(folder)) break;
  } catch (cause) {
    const message = `Cannot serve a folder that cannot be read: current value is ${folder}`;
    throw new ProxyError("internal", message, { cause });
  }
  return async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response(null, {
        status: 405,
        headers: { ...COMMON_HEADERS, allow: "GET, HEAD" },
      });
    }
    const name = wantedName(request.url);
    return name && await answer(request, folder, name);
  };
}

/**
 * The name in a request's URL, taken from the text itself: a URL object would have resolved the dots in it.
 * Undefined for a name that no file of the folder can have.
 */
function wantedName(url: string): WantedName | undefined {
  const [, path = "", query = ""] = /^[^:/?#]+:\/\/[^/?#]*([^?#]*)(\?[^#]*)?/.exec(url) ?? [];
  if (!path.startsWith("/") || path.length > MAX_PATH) return undefined;
  const isFolder = path.endsWith("/");
  const inner = path.slice(1, isFolder ? -1 : undefined);
  const segments = path === "/" ? [] : inner.split("/").map(decodeSegment);
  if (!segments.every(isVisibleName)) return undefined;
  return { segments, isFolder, query };
}

/** Text that cannot be decoded becomes an empty name, which is skipped. */
function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return "";
  }
}

/** Refuses dot files, including `.` and `..`, separators of any system, and control characters. */
function isVisibleName(name: string): boolean {
  if (name === "" || name.startsWith(".")) return false;
  return [...name].every((character) => {
    return character >= " " && character !== "\x7f" && character !== "/" && character !== "\\";
  });
}

async function answer(
  request: Request,
  folder: string,
  { segments, isFolder, query }: WantedName,
): Promise<Response | undefined> {
  const found = await locate(folder, segments);
  if (found === undefined) return undefined;
  if (!found.isDirectory) return isFolder ? undefined : await answerFile(request, found.path);
  if (!isFolder) {
    const location = `${encodeURIComponent(segments.at(-1) ?? "")}/${query}`;
    return new Response(null, { status: 308, headers: { ...COMMON_HEADERS, location } });
  }
  const index = await locate(folder, [...segments, INDEX]);
  return index && !index.isDirectory ? await answerFile(request, index.path) : undefined;
}

/** Where the name really leads, if that is a visible file or folder inside the folder. */
async function locate(
  folder: string,
  segments: readonly string[],
): Promise<FoundFile | undefined> {
  try {
    const root = await Deno.realPath(folder);
    const path = await Deno.realPath([root, ...segments].join("/"));
    const inside = relative(root, path);
    if (inside !== "" && !inside.split(/[/\\]/).every(isVisibleName)) return undefined;
    const { isFile, isDirectory } = await Deno.stat(path);
    // A pipe or device would block or never end.
    return isFile || isDirectory ? { path, isDirectory } : undefined;
  } catch (error) {
    return ignoreAbsence(error);
  }
}

async function answerFile(request: Request, path: string): Promise<Response | undefined> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    return ignoreAbsence(error);
  }
  try {
    const response = await describe(request, path, file);
    if (response.part === undefined) {
      file.close();
      return new Response(null, response);
    }
    const { start, end } = response.part;
    await file.seek(start, Deno.SeekMode.Start);
    return new Response(streamOf(file, end - start), response);
  } catch (error) {
    file.close();
    throw error;
  }
}

interface Description {
  readonly status: number;
  readonly headers: Record<string, string>;
  /** The bytes to send; undefined if only the headers are sent. */
  readonly part: { readonly start: number; readonly end: number } | undefined;
}

async function describe(
  request: Request,
  path: string,
  file: Deno.FsFile,
): Promise<Description> {
  const { size, mtime } = await file.stat();
  const headers: Record<string, string> = { ...COMMON_HEADERS, "accept-ranges": "bytes" };
  if (mtime !== null) {
    headers["etag"] = `"${size.toString(36)}-${mtime.getTime().toString(36)}"`;
    headers["last-modified"] = mtime.toUTCString();
  }
  if (isUnchanged(request.headers, headers)) return { status: 304, headers, part: undefined };
  const range = isRangeWanted(request, headers)
    ? parseByteRange(request.headers.get("range") ?? "", size)
    : undefined;
  if (range === "unsatisfiable") {
    headers["content-range"] = `bytes */${size}`;
    return { status: 416, headers, part: undefined };
  }
  const { start, end } = range ?? { start: 0, end: size };
  headers["content-type"] = contentTypeOf(basename(path));
  headers["content-length"] = String(end - start);
  if (range) headers["content-range"] = `bytes ${start}-${end - 1}/${size}`;
  const part = request.method === "GET" && end > start ? { start, end } : undefined;
  return { status: range ? 206 : 200, headers, part };
}

function isUnchanged(asked: Headers, { etag, "last-modified": changed }: Record<string, string>) {
  const known = asked.get("if-none-match");
  if (known !== null) {
    const tags = known.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
    return tags.includes("*") || (etag !== undefined && tags.includes(etag));
  }
  // Both are whole seconds; a date that cannot be parsed compares false.
  return Date.parse(changed ?? "") <= Date.parse(asked.get("if-modified-since") ?? "");
}

/** With If-Range only if the client's part belongs to this very version of the file. */
function isRangeWanted(request: Request, headers: Record<string, string>): boolean {
  if (request.method !== "GET") return false;
  const condition = request.headers.get("if-range")?.trim();
  return condition === undefined || condition === headers["etag"] ||
    condition === headers["last-modified"];
}

/** Takes ownership of the file and closes it. */
function streamOf(file: Deno.FsFile, length: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = length;
  let isOpen = true;
  const close = () => {
    if (isOpen) file.close();
    isOpen = false;
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const chunk = new Uint8Array(Math.min(CHUNK, left));
        const count = await file.read(chunk);
        // Ending early would look like the end of the file.
        if (count === null) {
          throw new ProxyError("internal", "Cannot read on: the file was truncated");
        }
        controller.enqueue(chunk.subarray(0, count));
        left -= count;
      } catch (error) {
        close();
        throw error;
      }
      if (left > 0) return;
      close();
      controller.close();
    },
    cancel: close,
  });
}

/** Absent, hidden by the system or impossible: the same to a client. */
function ignoreAbsence(error: unknown): undefined {
  const { NotFound, NotADirectory, PermissionDenied, FilesystemLoop } = Deno.errors;
  const isAbsent = [NotFound, NotADirectory, PermissionDenied, FilesystemLoop]
    .some((kind) => error instanceof kind);
  if (isAbsent || (error instanceof Error && "code" in error && error.code === "ENAMETOOLONG")) {
    return undefined;
  }
  throw error;
}
