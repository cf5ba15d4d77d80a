import assert from "node:assert/strict";
import { pages } from "./pages.ts";

const FILES: Readonly<Record<string, string>> = {
  "index.html":
    '<html><meta name="rtmp-port" content="1935"><meta name="api-port" content="1985">' +
    '<meta name="srt-port" content="10080"><meta name="live-list" content="on"></html>',
  "page.js": "play();".repeat(100),
  "page.css": "body {}",
  "icon.svg": "<svg/>",
  "licenses.txt": "MIT",
};

const PORTS = { rtmp: 11935, api: 11985, srt: 20080 };

interface Site {
  readonly handle: ReturnType<typeof pages>;
  readonly folder: string;
}

/** Pages served from a folder of their own. */
async function withPages(test: (site: Site) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(FILES)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await test({ handle: pages({ folder, ports: PORTS }), folder });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function request(path: string, init?: RequestInit): Request {
  return new Request(`http://demo.com:18080${path}`, init);
}

Deno.test("the page and its files are served with their types", async () => {
  await withPages(async ({ handle }) => {
    const types = {
      "/": "text/html; charset=utf-8",
      "/?format=hls": "text/html; charset=utf-8",
      "/publish": "text/html; charset=utf-8",
      "/console/page.js": "text/javascript; charset=utf-8",
      "/console/page.css": "text/css; charset=utf-8",
      "/console/icon.svg": "image/svg+xml",
      "/console/licenses.txt": "text/plain; charset=utf-8",
    };
    for (const [path, type] of Object.entries(types)) {
      const response = (await handle(request(path)))!;
      assert.equal(response.status, 200, path);
      assert.equal(response.headers.get("content-type"), type);
      assert.equal(response.headers.get("x-content-type-options"), "nosniff");
      assert.equal(response.headers.get("cache-control"), "no-cache");
      const policy = response.headers.get("content-security-policy") ?? "";
      assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/);
      assert.doesNotMatch(policy, /unsafe/);
      const body = await response.bytes();
      assert.equal(response.headers.get("content-length"), String(body.length));
    }
  });
});

Deno.test("other paths are somebody else's", async () => {
  await withPages(async ({ handle }) => {
    const paths = ["/live/show.flv", "/console", "/console/", "/console/index.html", "/index.html"];
    const attempts = [
      "/console/../page.js",
      "/console/%2e%2e/stamp.txt",
      "//",
      "/console/page.js/",
    ];
    for (const path of [...paths, ...attempts]) {
      assert.equal(await handle(request(path)), undefined, path);
    }
  });
});

Deno.test("the pages learn the ports, and may ask the HTTP API", async () => {
  await withPages(async ({ handle }) => {
    for (const path of ["/", "/publish"]) {
      const response = (await handle(request(path)))!;
      const policy = response.headers.get("content-security-policy") ?? "";
      assert.match(policy, /connect-src 'self' http:\/\/\*:11985 https:\/\/\*:11985;/);
      const html = FILES["index.html"]!
        .replace("1935", "11935").replace("1985", "11985").replace("10080", "20080");
      assert.equal(await response.text(), html);
    }
  });
});

Deno.test("the page is told not to ask for a list that there is not", async () => {
  await withPages(async ({ folder }) => {
    const handle = pages({ folder, hasList: false });
    const response = (await handle(request("/")))!;
    assert.match(await response.text(), /<meta name="live-list" content="off">/);
  });
});

Deno.test("a page that the browser has is not sent again", async () => {
  await withPages(async ({ handle }) => {
    const first = (await handle(request("/console/page.js")))!;
    const etag = first.headers.get("etag")!;
    assert.match(etag, /^"[0-9a-f]{24}"$/);
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const again = (await handle(request("/console/page.js", {
        headers: { "if-none-match": known },
      })))!;
      assert.equal(again.status, 304, known);
      assert.equal(again.body, null);
      assert.equal(again.headers.get("etag"), etag);
    }
    for (const other of ['"x"', etag.slice(1, -1), ""]) {
      const again = (await handle(request("/console/page.js", {
        headers: { "if-none-match": other },
      })))!;
      assert.equal(again.status, 200, other);
    }
  });
});

Deno.test("HEAD is GET without the body", async () => {
  await withPages(async ({ handle }) => {
    const get = (await handle(request("/")))!;
    const head = (await handle(request("/", { method: "HEAD" })))!;
    assert.deepEqual([...head.headers], [...get.headers]);
    assert.equal(head.status, 200);
    assert.equal(head.body, null);
  });
});

Deno.test("other methods are refused", async () => {
  await withPages(async ({ handle }) => {
    const response = (await handle(request("/", { method: "POST" })))!;
    assert.equal(response.status, 405);
    assert.equal(response.headers.get("allow"), "GET, HEAD");
  });
});

Deno.test("browsers that know gzip get gzip under an ETag of its own", async () => {
  await withPages(async ({ handle }) => {
    const ask = async (accepted: string) =>
      (await handle(request("/console/page.js", { headers: { "accept-encoding": accepted } })))!;
    for (const accepted of ["gzip", "br, gzip;q=0.5", "deflate,GZIP , br"]) {
      const response = await ask(accepted);
      assert.equal(response.headers.get("content-encoding"), "gzip", accepted);
      assert.match(response.headers.get("etag")!, /^"[0-9a-f]{24}-gzip"$/);
      assert.equal(response.headers.get("vary"), "accept-encoding");
      const plain = response.body!.pipeThrough(new DecompressionStream("gzip"));
      assert.equal(await new Response(plain).text(), FILES["page.js"]);
    }
    for (const accepted of ["identity", "gzip;q=0", "br, gzip; q=0.0", "xgzip"]) {
      const response = await ask(accepted);
      assert.equal(response.headers.get("content-encoding"), null, accepted);
      assert.equal(await response.text(), FILES["page.js"]);
    }
  });
});

Deno.test("pages that are not built say so, and are there once they are", async () => {
  await withPages(async ({ handle, folder }) => {
    await Deno.remove(`${folder}/page.js`);
    const missing = (await handle(request("/")))!;
    assert.equal(missing.status, 503);
    assert.match(await missing.text(), /deno task console/);
    await Deno.writeTextFile(`${folder}/page.js`, "play();");
    const built = (await handle(request("/")))!;
    assert.equal(built.status, 200);
  });
});
