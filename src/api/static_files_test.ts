import assert from "node:assert/strict";
import { openStaticFiles, type StaticFiles } from "./static_files.ts";

const CHANGED = new Date("2026-02-03T04:05:06.789Z");
const LAST_MODIFIED = "Tue, 03 Feb 2026 04:05:06 GMT";
const SECRET = "secret";

interface Site {
  readonly serve: StaticFiles;
  /** The folder that is served. */
  readonly folder: string;
  /** The folder around it, which contains secrets. */
  readonly outside: string;
}

/** A folder with files, and secrets in it and around it. */
async function withSite(test: (site: Site) => Promise<void>): Promise<void> {
  const outside = await Deno.makeTempDir();
  const folder = `${outside}/www`;
  try {
    await Deno.mkdir(`${folder}/player/.git`, { recursive: true });
    await Deno.mkdir(`${folder}/empty`);
    await Deno.mkdir(`${outside}/www2`);
    const files = {
      "index.html": "<h1>home</h1>",
      "player/index.html": "<h1>player</h1>",
      "player/my film #1.mp4": "0123456789",
      "empty.txt": "",
      ".env": SECRET,
      "player/.git/config": SECRET,
      "..hidden": SECRET,
      "../secret.txt": SECRET,
      "../www2/secret.txt": SECRET,
    };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      await Deno.utime(`${folder}/${name}`, CHANGED, CHANGED);
    }
    const links = {
      "inside.html": "index.html",
      "out.txt": "../secret.txt",
      "absolute.txt": `${outside}/secret.txt`,
      "neighbour": "../www2",
      "up": "..",
      "env.txt": ".env",
      "git": "player/.git",
      "loop": "loop",
      "gone.txt": "nowhere",
    };
    for (const [name, target] of Object.entries(links)) {
      await Deno.symlink(target, `${folder}/${name}`);
    }
    await test({ serve: await openStaticFiles(folder), folder, outside });
  } finally {
    await Deno.remove(outside, { recursive: true });
  }
}

async function get(
  serve: StaticFiles,
  path: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const response = await serve(new Request(`http://demo.com${path}`, { headers }));
  assert.ok(response, path);
  return response;
}

Deno.test("files are served whole with their type, size and date", async () => {
  await withSite(async ({ serve }) => {
    const response = await get(serve, "/player/my%20film%20%231.mp4?x=1");
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "0123456789");
    const headers = Object.fromEntries(response.headers);
    assert.match(headers["etag"]!, /^"[0-9a-z]+-[0-9a-z]+"$/);
    delete headers["etag"];
    assert.deepEqual(headers, {
      "accept-ranges": "bytes",
      "cache-control": "no-cache",
      "content-length": "10",
      "content-type": "video/mp4",
      "last-modified": LAST_MODIFIED,
      "x-content-type-options": "nosniff",
    });
  });
});

Deno.test("a folder, with a slash at its end, is answered with its index", async () => {
  await withSite(async ({ serve }) => {
    assert.equal(await (await get(serve, "/")).text(), "<h1>home</h1>");
    assert.equal(await (await get(serve, "/player/")).text(), "<h1>player</h1>");
    assert.equal(await (await get(serve, "/inside.html")).text(), "<h1>home</h1>");
    const redirect = await get(serve, "/player?autoplay=1");
    assert.equal(redirect.status, 308);
    assert.equal(redirect.headers.get("location"), "player/?autoplay=1");
    for (const path of ["/empty/", "/index.html/", "/player/index.html/x"]) {
      assert.equal(await serve(new Request(`http://demo.com${path}`)), undefined, path);
    }
  });
});

Deno.test("nothing outside the folder and nothing hidden is ever served", async () => {
  await withSite(async ({ serve }) => {
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (r) => {
      return await serve(r) ?? new Response("none", { status: 404 });
    });
    const paths = [
      "/../secret.txt",
      "/player/../../secret.txt",
      "/%2e%2e/secret.txt",
      "/.%2e/secret.txt",
      "/%2e%2e%2fsecret.txt",
      "/..%2fsecret.txt",
      "/%252e%252e/secret.txt",
      "/%252e%252e%252fsecret.txt",
      "/..\\secret.txt",
      "/..%5csecret.txt",
      "/player%2f..%2f..%2fsecret.txt",
      "//etc/passwd",
      "///secret.txt",
      "/./.env",
      "/.env",
      "/%2eenv",
      "/..hidden",
      "/player/.git/config",
      "/player/%2egit/config",
      "/index.html%00",
      "/.env%00.html",
      "/%c0%ae%c0%ae/secret.txt",
      "/%",
      "/%zz",
      "/..",
      "/.",
      "/out.txt",
      "/absolute.txt",
      "/neighbour/secret.txt",
      "/up/secret.txt",
      "/env.txt",
      "/git/config",
      "/loop",
      "/loop/x",
      "/gone.txt",
      "/nowhere",
      `/${"a".repeat(300)}`,
      `/${"a/".repeat(1500)}`,
      `/${"a".repeat(5000)}`,
      `/${"%2e%2e/".repeat(500)}etc/passwd`,
    ];
    for (const path of paths) {
      const { status, text } = await askRaw(server.addr.port, path);
      assert.ok(status === 404 || status === 400, `${path}: ${status}`);
      assert.ok(!text.includes(SECRET) && !text.includes("root:"), path);
    }
    const absolute = await askRaw(server.addr.port, "http://demo.com/../secret.txt");
    assert.ok(!absolute.text.includes(SECRET));
    assert.equal((await askRaw(server.addr.port, "/inside.html")).status, 200);
    await server.shutdown();
  });
});

/** Sends a request target unchanged; `fetch` would normalize it. */
async function askRaw(port: number, target: string): Promise<{ status: number; text: string }> {
  using connection = await Deno.connect({ port });
  const request = `GET ${target} HTTP/1.1\r\nHost: demo.com\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const text = new TextDecoder().decode(await readAll(connection));
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]), text };
}

async function readAll(connection: Deno.TcpConn): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of connection.readable) parts.push(part);
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

Deno.test("a file that the client has is not sent again", async () => {
  await withSite(async ({ serve }) => {
    const etag = (await get(serve, "/empty.txt")).headers.get("etag")!;
    const unchanged: Record<string, string>[] = [
      { "if-none-match": etag },
      { "if-none-match": `"x", W/${etag}` },
      { "if-none-match": "*" },
      { "if-modified-since": LAST_MODIFIED },
      { "if-modified-since": "Wed, 04 Feb 2026 00:00:00 GMT" },
    ];
    for (const headers of unchanged) {
      const response = await get(serve, "/empty.txt", headers);
      assert.equal(response.status, 304, JSON.stringify(headers));
      assert.equal(response.headers.get("etag"), etag);
      assert.equal(response.body, null);
    }
    const changed: Record<string, string>[] = [
      { "if-none-match": '"x"' },
      { "if-none-match": '"x"', "if-modified-since": LAST_MODIFIED },
      { "if-modified-since": "Tue, 03 Feb 2026 04:05:05 GMT" },
      { "if-modified-since": "yesterday" },
    ];
    for (const headers of changed) {
      assert.equal((await get(serve, "/empty.txt", headers)).status, 200, JSON.stringify(headers));
    }
  });
});

Deno.test("the ETag changes with the size and with the date", async () => {
  await withSite(async ({ serve, folder }) => {
    const etag = async () => (await get(serve, "/empty.txt")).headers.get("etag");
    const first = await etag();
    await Deno.writeTextFile(`${folder}/empty.txt`, "x");
    await Deno.utime(`${folder}/empty.txt`, CHANGED, CHANGED);
    const second = await etag();
    await Deno.utime(`${folder}/empty.txt`, CHANGED, new Date(CHANGED.getTime() + 1));
    assert.equal(new Set([first, second, await etag()]).size, 3);
  });
});

Deno.test("one range is served, an impossible one refused", async () => {
  await withSite(async ({ serve }) => {
    const path = "/player/my%20film%20%231.mp4";
    const etag = (await get(serve, path)).headers.get("etag")!;
    const parts: readonly (readonly [Record<string, string>, string, string])[] = [
      [{ range: "bytes=2-4" }, "234", "bytes 2-4/10"],
      [{ range: "bytes=-2" }, "89", "bytes 8-9/10"],
      [{ range: "bytes=9-" }, "9", "bytes 9-9/10"],
      [{ range: "bytes=2-4", "if-range": etag }, "234", "bytes 2-4/10"],
      [{ range: "bytes=2-4", "if-range": LAST_MODIFIED }, "234", "bytes 2-4/10"],
    ];
    for (const [headers, text, contentRange] of parts) {
      const response = await get(serve, path, headers);
      assert.equal(response.status, 206);
      assert.equal(response.headers.get("content-range"), contentRange);
      assert.equal(response.headers.get("content-length"), String(text.length));
      assert.equal(await response.text(), text);
    }
    const whole: Record<string, string>[] = [
      { range: "bytes=0-1,3-4" },
      { range: "bytes=2-4", "if-range": '"other"' },
      { range: "bytes=2-4", "if-range": `W/${etag}` },
      { range: "bytes=2-4", "if-range": "Tue, 03 Feb 2026 04:05:07 GMT" },
    ];
    for (const headers of whole) {
      const response = await get(serve, path, headers);
      assert.equal(response.status, 200, JSON.stringify(headers));
      assert.equal(await response.text(), "0123456789");
    }
    const refused = await get(serve, path, { range: "bytes=10-" });
    assert.equal(refused.status, 416);
    assert.equal(refused.headers.get("content-range"), "bytes */10");
    assert.equal(refused.body, null);
  });
});

Deno.test("HEAD is GET without the body, other methods are refused", async () => {
  await withSite(async ({ serve }) => {
    const ask = async (method: string) => (await serve(new Request("http://x/", { method })))!;
    const whole = await ask("GET");
    const head = await ask("HEAD");
    assert.deepEqual([...head.headers], [...whole.headers]);
    assert.equal(head.status, 200);
    assert.equal(head.body, null);
    await whole.body?.cancel();
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const refused = await ask(method);
      assert.equal(refused.status, 405, method);
      assert.equal(refused.headers.get("allow"), "GET, HEAD");
    }
  });
});

Deno.test("large files come out as they are, and a client that leaves closes the file", async () => {
  await withSite(async ({ serve, folder }) => {
    const bytes = new Uint8Array(300_000).map((_, index) => index * 7);
    await Deno.writeFile(`${folder}/large.ts`, bytes);
    const whole = await get(serve, "/large.ts");
    assert.equal(whole.headers.get("content-type"), "video/mp2t");
    assert.deepEqual(await whole.bytes(), bytes);
    const part = await get(serve, "/large.ts", { range: "bytes=65535-200000" });
    assert.deepEqual(await part.bytes(), bytes.slice(65535, 200001));
    const left = (await get(serve, "/large.ts")).body!.getReader();
    await left.read();
    await left.cancel();
  });
});

Deno.test("a file that is cut while it is sent breaks the answer off", async () => {
  await withSite(async ({ serve, folder }) => {
    await Deno.writeFile(`${folder}/large.ts`, new Uint8Array(300_000));
    const response = await get(serve, "/large.ts");
    await Deno.truncate(`${folder}/large.ts`, 100_000);
    await assert.rejects(response.bytes(), /the file was truncated/);
  });
});

Deno.test("a folder that is replaced through a link is served as it is now", async () => {
  await withSite(async ({ folder, outside }) => {
    await Deno.symlink("www", `${outside}/current`);
    const serve = await openStaticFiles(`${outside}/current`);
    assert.equal(await (await get(serve, "/")).text(), "<h1>home</h1>");
    await Deno.remove(`${outside}/current`);
    await Deno.symlink(`${folder}/player`, `${outside}/current`);
    assert.equal(await (await get(serve, "/")).text(), "<h1>player</h1>");
  });
});

Deno.test("what is not a folder cannot be served", async () => {
  await withSite(async ({ folder }) => {
    for (const path of [`${folder}/nowhere`, `${folder}/index.html`]) {
      await assert.rejects(openStaticFiles(path), {
        name: "ProxyError",
        message: `Cannot serve a folder that cannot be read: current value is ${path}`,
      });
    }
  });
});
