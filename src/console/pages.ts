// Serves the built-in pages at `/` and their files under `/console/`, from memory once they have
// been read. They are built by scripts/bundle_console.ts and found beside the sources, or inside a
// compiled program. Knows nothing of streams; what the pages need to know is written into them.

export interface PagesOptions {
  /** Folder of the built files; the one that the build writes by default. */
  readonly folder?: string;
  /** The program's default ports if absent. */
  readonly ports?: Partial<PagePorts>;
  /** Whether the page may ask which streams are live; true by default. */
  readonly hasList?: boolean;
}

/** Ports for the addresses that the page shows. */
export interface PagePorts {
  readonly rtmp: number;
  /** The HTTP API, where the page asks for WebRTC. */
  readonly api: number;
  readonly srt: number;
}

interface Asset {
  readonly contentType: string;
  readonly plain: Encoded;
  readonly zipped: Encoded;
}

interface Encoded {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Strong, and another one for each encoding. */
  readonly etag: string;
}

type Assets = ReadonlyMap<string, Asset>;

const BUILT = `${import.meta.dirname}/../../dist/console`;

/** The one file of all pages, which shows the page that its URL asks for. */
const PAGE = "index.html";

/** File and type by path; what is not here is not served. */
const FILES: ReadonlyMap<string, readonly [file: string, contentType: string]> = new Map([
  ["/", [PAGE, "text/html; charset=utf-8"]],
  ["/publish", [PAGE, "text/html; charset=utf-8"]],
  ["/console/page.js", ["page.js", "text/javascript; charset=utf-8"]],
  ["/console/page.css", ["page.css", "text/css; charset=utf-8"]],
  ["/console/icon.svg", ["icon.svg", "image/svg+xml"]],
  ["/console/licenses.txt", ["licenses.txt", "text/plain; charset=utf-8"]],
]);

/** As they stand in the page. */
const DEFAULT_PORTS: PagePorts = { rtmp: 1935, api: 1985, srt: 10080 };

/** Everything comes from the proxy itself; MediaSource hands media to the player as blobs. */
function securityPolicy(apiPort: number): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "media-src 'self' blob:",
    // The API is another port of the same host, whose name only the browser knows.
    `connect-src 'self' http://*:${apiPort} https://*:${apiPort}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
  ].join("; ");
}

/**
 * The pages as a handler: undefined for every path that is not theirs. If they have not been built
 * it answers 503 and says how to build them.
 */
export function pages(
  options: PagesOptions = {},
): (request: Request) => Promise<Response | undefined> {
  let assets: Promise<Assets> | undefined;
  const policy = securityPolicy(options.ports?.api ?? DEFAULT_PORTS.api);
  return async (request) => {
    const path = new URL(request.url).pathname;
    if (!FILES.has(path)) return undefined;
    if (request.method !== "GET" && request.method !== "HEAD") {
      return answer(405, "Cannot use this method: allowed are GET, HEAD\n", { allow: "GET, HEAD" });
    }
    try {
      assets ??= readAssets(options);
      return answerAsset(request, (await assets).get(path)!, policy);
    } catch (error) {
      assets = undefined;
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return answer(503, "The pages have not been built: run deno task console\n");
    }
  };
}

async function readAssets({ folder = BUILT, ...facts }: PagesOptions): Promise<Assets> {
  const assets = new Map<string, Asset>();
  for (const [path, [file, contentType]] of FILES) {
    const bytes = await Deno.readFile(`${folder}/${file}`);
    const content = file === PAGE ? withFacts(bytes, facts) : bytes;
    const etag = await hashOf(content);
    assets.set(path, {
      contentType,
      plain: { bytes: content, etag: `"${etag}"` },
      zipped: { bytes: await zip(content), etag: `"${etag}-gzip"` },
    });
  }
  return assets;
}

/** Replaces the placeholders in the page with what it has to know. */
function withFacts(
  html: Uint8Array,
  { ports = {}, hasList = true }: PagesOptions,
): Uint8Array<ArrayBuffer> {
  const mark = (name: string, value: unknown) => `<meta name="${name}" content="${value}">`;
  let text = new TextDecoder().decode(html);
  for (const name of ["rtmp", "api", "srt"] as const) {
    const given = ports[name] ?? DEFAULT_PORTS[name];
    text = text.replace(mark(`${name}-port`, DEFAULT_PORTS[name]), mark(`${name}-port`, given));
  }
  text = text.replace(mark("live-list", "on"), mark("live-list", hasList ? "on" : "off"));
  return new TextEncoder().encode(text);
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
    // Asked for again each time, answered with 304: an upgraded proxy is seen at once.
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
