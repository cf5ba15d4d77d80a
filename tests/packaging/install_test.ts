// The script that installs the executable and its files on a server.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Outcome, run } from "../support/outcome.ts";
import { PROJECT_FOLDER } from "../support/project.ts";
import { TempFolder } from "../support/temp_folder.ts";

const SCRIPTS = `${PROJECT_FOLDER}/scripts`;

/** A folder to install into, and a stand-in for the executable with its checksum. */
class Place implements AsyncDisposable {
  readonly folder = new TempFolder();
  readonly executable = this.folder.file("srs-proxy");

  install(...args: readonly string[]): Promise<Outcome> {
    return run("sh", [`${SCRIPTS}/install.sh`, ...args], { DESTDIR: this.folder.file("root") });
  }

  async build(text: string): Promise<void> {
    await Deno.writeTextFile(this.executable, text);
    const hash = createHash("sha256").update(text).digest("hex");
    await Deno.writeTextFile(`${this.executable}.sha256`, `${hash}  srs-proxy\n`);
  }

  path(path: string): string {
    return this.folder.file(`root/${path}`);
  }

  mode(path: string): string {
    return (Deno.statSync(this.path(path)).mode! & 0o777).toString(8);
  }

  read(path: string): string {
    return Deno.readTextFileSync(this.path(path));
  }

  /** Every file below the folder, with its mode. */
  files(folder = ""): string[] {
    return Array.from(Deno.readDirSync(this.path(folder))).flatMap(({ name, isDirectory }) => {
      const path = folder === "" ? name : `${folder}/${name}`;
      return isDirectory ? this.files(path) : [`${path} ${this.mode(path)}`];
    }).toSorted();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.folder[Symbol.asyncDispose]();
  }
}

const INSTALLED = [
  "etc/srs-proxy/env 600",
  "etc/sysctl.d/60-srs-proxy.conf 644",
  "etc/systemd/system/srs-proxy.service 644",
  "etc/systemd/system/srs-proxy@.service 644",
  "usr/local/bin/srs-proxy 755",
];

Deno.test({
  name: "install.sh installs, updates and uninstalls",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using place = new Place();
    await place.build("#!/bin/sh\necho one\n");
    const first = await place.install(place.executable);
    assert.equal(first.code, 0, first.said);
    assert.deepEqual(place.files(), INSTALLED);

    // Installing again changes nothing, and an operator's file is kept.
    await Deno.writeTextFile(place.path("etc/srs-proxy/env"), "PROXY_RTMP_SERVER=1935\n");
    await place.build("#!/bin/sh\necho two\n");
    const running = await Deno.open(place.path("usr/local/bin/srs-proxy"));
    assert.equal((await place.install(place.executable)).code, 0);
    assert.deepEqual(place.files(), INSTALLED);
    assert.equal(place.read("etc/srs-proxy/env"), "PROXY_RTMP_SERVER=1935\n");
    assert.match(place.read("usr/local/bin/srs-proxy"), /two/);
    const old = await new Response(running.readable).text();
    assert.match(old, /one/, "the file of a running process is not modified");

    assert.equal((await place.install("--uninstall")).code, 0);
    assert.deepEqual(place.files(), ["etc/srs-proxy/env 600"]);
    assert.equal((await place.install("--uninstall", "--purge")).code, 0);
    assert.deepEqual(place.files(), []);
    assert.equal(
      (await place.install("--uninstall")).code,
      0,
      "uninstalling again changes nothing",
    );
  },
});

Deno.test({
  name: "a release archive installs from wherever it is unpacked",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using place = new Place();
    await place.build("#!/bin/sh\necho published\n");
    const folder = place.folder.file("packed");
    const args = [place.executable, "srs-proxy-v1", folder];
    const packed = await run("sh", [`${SCRIPTS}/pack.sh`, ...args]);
    assert.equal(packed.code, 0, packed.said);
    const { code, said } = await run("sh", [
      "-c",
      'cd "$1" && sha256sum --check --quiet *.sha256 && tar -xzf srs-proxy-v1.tar.gz && ' +
      "srs-proxy-v1/scripts/install.sh && cd srs-proxy-v1/dist && sha256sum --check --quiet *.sha256",
      ...["sh", folder],
    ], { DESTDIR: place.path("") });
    assert.equal(code, 0, said);
    assert.deepEqual(place.files(), INSTALLED);
    assert.match(place.read("usr/local/bin/srs-proxy"), /published/);
  },
});

Deno.test({
  name: "install.sh raises kernel settings that are too low and never lowers any",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using place = new Place();
    await place.build("#!/bin/sh\n");
    await Deno.mkdir(place.path("proc/sys/net/core"), { recursive: true });
    await Deno.writeTextFile(place.path("proc/sys/net/core/rmem_max"), "67108864\n");
    await Deno.writeTextFile(place.path("proc/sys/net/core/wmem_max"), "212992\n");
    for (let times = 1; times <= 2; times++) {
      assert.equal((await place.install(place.executable)).code, 0);
      const lines = place.read("etc/sysctl.d/60-srs-proxy.conf").split("\n");
      const settings = lines.filter((line) => /^[^#]/.test(line));
      assert.deepEqual(settings, ["net.core.wmem_max = 8388608", "net.ipv4.tcp_migrate_req = 1"]);
      assert.ok(lines.includes("# Left as it is: net.core.rmem_max = 67108864"));
    }
  },
});

Deno.test({
  name: "install.sh ignores leftovers and the caller's environment",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using place = new Place();
    await place.build("#!/bin/sh\n");
    // An interrupted run, and a CDPATH from an interactive shell.
    await Deno.mkdir(place.path("etc/srs-proxy"), { recursive: true });
    await Deno.writeTextFile(place.path("etc/srs-proxy/env.new"), "old", { mode: 0o644 });
    await Deno.mkdir(place.folder.file("elsewhere/scripts"), { recursive: true });
    const { code, said } = await run("sh", [
      "-c",
      'cd "$1" && sh scripts/install.sh "$2"',
      ...["sh", PROJECT_FOLDER, place.executable],
    ], { DESTDIR: place.path(""), CDPATH: place.folder.file("elsewhere") });
    assert.equal(code, 0, said);
    assert.deepEqual(place.files(), INSTALLED, "the file of variables is for root only");
  },
});

Deno.test({
  name: "install.sh refuses incomplete files and unknown arguments",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using place = new Place();
    await place.build("#!/bin/sh\n");
    await Deno.writeTextFile(place.executable, "#!/bin/sh\necho broken\n");
    const broken = await place.install(place.executable);
    assert.equal(broken.code, 1);
    assert.match(broken.said, /Cannot install .*: its SHA-256 is /);
    assert.match((await place.install("/nowhere/srs-proxy")).said, /there is no such file/);
    assert.match((await place.install("--help-me")).said, /Cannot understand the argument/);
    assert.match(
      (await place.install("--uninstall", "--x")).said,
      /Cannot understand the argument/,
    );
    await assert.rejects(Deno.stat(place.path("")), Deno.errors.NotFound);
    const scripts = [`${SCRIPTS}/install.sh`, `${SCRIPTS}/pack.sh`];
    assert.deepEqual(await run("shellcheck", scripts), { code: 0, said: "" });
  },
});
