// Serves the files of one built-in site from memory, once they have been read. scripts/bundle_console.ts
// builds them; they are found beside the sources or inside a compiled program. Knows nothing of streams;
// what a page must know is written into it.

export interface SiteOptions {
  /** Folder of the built files; by default where the build writes them. */
  readonly folder: string | undefined;
  /** File and media type by path; nothing else is served. */
  readonly files: ReadonlyMap<string, SiteFile>;
  /** The one file that shows all pages. */
  readonly page: string;
  /** The contents of its `meta` elements, by name. */
  readonly facts: Readonly<Record<string, string>>;
  /** The Content-Security-Policy. */
  readonly policy: string;
}

export type SiteFile = readonly [file: string, contentType: string];

interface Asset {
  readonly contentType: string;
  readonly plain: Encoded;
  readonly zipped: Encoded;
}

interface Encoded {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Strong, and different for each encoding. */
  readonly etag: string;
}

type Assets = ReadonlyMap<string, Asset>;

const BUILT = `${import.meta.dirname}/../../dist/console`;

/**
 * A site as a handler: undefined for every path that is not its own. If it has not been built, it answers
 * 503 and says how to build it.
 */
export function site(options: SiteOptions): (request: Request) => Promise<Response | undefined> {
  let assets: Promise<Assets> | undefined;
  return async (request) => {
    const path = new URL(request.url).pathname;
    if (!options.files.has(path)) return undefined;
    if (request.method !== "GET" && request.method !== "HEAD") {
      return answer(405, "Cannot use this method: allowed are GET, HEAD\n", { allow: "GET, HEAD" });
    }
    try {
      assets ??= readAssets(options);
      return answerAsset(request, (await assets).get(path)!, options.policy);
    } catch (error) {
      assets = undefined;
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return answer(503, "The pages have not been built: run deno task console\n");
    }
  };
}

async function readAssets(
  { folder = BUILT, files, page, facts }: SiteOptions,
): Promise<Assets> {
  const assets = new Map<string, Asset>();
  for (const [path, [file, contentType]] of files) {
    const bytes = await Deno.readFile(`${folder}/${file}`);
    const content = file === page ? withFacts(bytes, facts) : bytes;
    const etag = await hashOf(content);
    assets.set(path, {
      contentType,
      plain: { bytes: content, etag: `"${etag}"` },
      zipped: { bytes: await zip(content), etag: `"${etag}-gzip"` },
    });
  }
  return assets;
}

/** Writes facts into the `meta` elements of a page. */
function withFacts(html: Uint8Array, facts: SiteOptions["facts"]): Uint8Array<ArrayBuffer> {
  const text = new TextDecoder().decode(html)
    .replace(/(<meta name="([\w-]+)" content=")[^"]*(?=")/g, (whole, before, name) => {
      return name in facts ? before + escaped(facts[name]!) : whole;
    });
  return new TextEncoder().encode(text);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}

async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash.subarray(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function zip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const zipped = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(zipped).arrayBuffer());
}

function answerAsset(
  request: Request,
  { contentType, plain, zipped }: Asset,
  policy: string,
): Response {
  const isZipped = acceptsGzip(request.headers.get("accept-encoding"));
  const { bytes, etag } = isZipped ? zipped : plain;
  const headers = {
    etag,
    vary: "accept-encoding",
    // Revalidated at each use and answered with 304: an upgraded proxy is seen at once.
    "cache-control": "no-cache",
    "content-security-policy": policy,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
  if (namesEtag(request.headers.get("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  const content = {
    "content-type": contentType,
    "content-length": String(bytes.length),
    ...(isZipped ? { "content-encoding": "gzip" } : {}),
  };
  const body = request.method === "HEAD" ? null : bytes;
  return new Response(body, { headers: { ...headers, ...content } });
}

function acceptsGzip(header: string | null): boolean {
  const choice = /(?:^|,)\s*gzip\s*(?:;\s*q=([\d.]+)\s*)?(?=,|$)/i.exec(header ?? "");
  return choice !== null && Number(choice[1] ?? 1) > 0;
}

function namesEtag(header: string | null, etag: string): boolean {
  if (header?.trim() === "*") return true;
  return (header ?? "").split(",").some((one) => one.trim().replace(/^W\//, "") === etag);
}

function answer(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, {
    status,
    headers: { ...headers, "cache-control": "no-store", "x-content-type-options": "nosniff" },
  });
}
