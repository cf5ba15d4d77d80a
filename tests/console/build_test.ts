import assert from "node:assert/strict";
import { bundleConsole } from "../../scripts/bundle_console.ts";
import { operatorConsole } from "../../src/console/operator_console.ts";
import { pages } from "../../src/console/pages.ts";
import { TempFolder } from "../support/temp_folder.ts";

Deno.test("the pages are built completely, and only once", async (t) => {
  await using temporary = new TempFolder();
  const folder = temporary.file("console");
  const handle = pages({ folder, ports: { rtmp: 11935, srt: 20080 }, hasList: false });
  const ask = async (path: string) => await handle(new Request(`http://demo.com${path}`));

  await t.step("before the build the page says what is missing", async () => {
    assert.equal((await ask("/"))?.status, 503);
  });

  await t.step("a second build has nothing to do", async () => {
    assert.equal(await bundleConsole(folder), "built");
    assert.equal(await bundleConsole(folder), "fresh");
  });

  await t.step("a build of different sources is replaced", async () => {
    await Deno.writeTextFile(`${folder}/stamp.txt`, "of other sources");
    assert.equal(await bundleConsole(folder), "built");
  });

  await t.step("the page refers only to its own files and runs no inline code", async () => {
    const html = await (await ask("/"))!.text();
    assert.match(html, /name="rtmp-port" content="11935"/);
    assert.match(html, /name="srt-port" content="20080"/);
    assert.match(html, /name="live-list" content="off"/);
    const links = Array.from(html.matchAll(/(?:src|href)="([^"]*)"/g), (match) => match[1]!);
    assert.deepEqual(links.toSorted(), ["console/icon.svg", "console/page.css", "console/page.js"]);
    for (const link of links) assert.equal((await ask(`/${link}`))?.status, 200, link);
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\bon[a-z]+=|\bstyle=/i);
  });

  await t.step("the console's page does the same", async () => {
    const console = operatorConsole({ folder, httpPort: 8080, httpsPort: 8443, version: "1<2" });
    const get = async (path: string) => (await console(new Request(`http://demo.com${path}`)))!;
    const response = await get("/");
    const policy = response.headers.get("content-security-policy")!;
    assert.match(policy, /connect-src 'self' http:\/\/\*:8080 https:\/\/\*:8443;/);
    assert.match(policy, /frame-ancestors 'none'/);
    const html = await response.text();
    assert.match(html, /name="http-port" content="8080"/);
    assert.match(html, /name="https-port" content="8443"/);
    assert.match(html, /name="proxy-version" content="1&lt;2"/);
    const links = Array.from(html.matchAll(/(?:src|href)="([^"]*)"/g), (match) => match[1]!);
    assert.equal(links.length, 4);
    for (const link of links) assert.equal((await get(`/${link}`)).status, 200, link);
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\bon[a-z]+=|\bstyle=/i);
  });

  await t.step("the licence of every library is included", async () => {
    const licenses = await (await ask("/console/licenses.txt"))!.text();
    for (const name of ["Preact", "hls.js", "mpegts.js", "uPlot"]) {
      assert.ok(licenses.includes(name), name);
    }
    const script = await (await ask("/console/page.js"))!.text();
    assert.ok(script.length > 500_000, `${script.length} characters`);
  });
});
