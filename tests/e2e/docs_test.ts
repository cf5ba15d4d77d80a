// The documentation, followed to the letter: its commands are run against a real proxy, its
// configurations are loaded, and what it names exists.

import assert from "node:assert/strict";
import { METRICS } from "../../src/core/metric_table.ts";
import { PROCESS_METRICS } from "../../src/api/process_metrics.ts";
import { VARIABLES } from "../../src/config/table.ts";
import { Child } from "../support/child.ts";
import { testFile } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { PROJECT_FOLDER } from "../support/project.ts";
import { Proxy, proxyCommand } from "../support/proxy.ts";
import { registeredOrigins } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/wait.ts";

const FILES = [
  ...["README.md", "CONTRIBUTING.md", "docs/operations.md", "docs/protocols.md"],
  ...["docs/architecture.md", "docs/migration.md", "docs/troubleshooting.md"],
];
/** Blocks of commands that are not run here, by their first line, with the reason. */
const NOT_RUN: Readonly<Record<string, string>> = {
  "npx -y deno@2.9.6 task start": "every other test runs the program, and this runs in the tests",
  "sudo scripts/install.sh dist/srs-proxy": "needs a systemd that runs; see install_test.ts",
  "sudo systemctl enable --now srs-proxy@a srs-proxy@b": "needs a systemd that runs",
  "deno task start": "every other test runs the program, and this runs in the tests",
  "deno run --allow-read --allow-write scripts/write_variable_table.ts": "changes the project",
  "MODEL_COUNT=20000 MODEL_SEED=any deno task test tests/contract/model_test.ts":
    "the same with fewer histories is one of the tests",
};

interface Block {
  readonly file: string;
  readonly language: string;
  readonly text: string;
  /** Without a trailing comment. */
  readonly firstLine: string;
}

function blocksOf(file: string): Block[] {
  const text = Deno.readTextFileSync(`${PROJECT_FOLDER}/${file}`);
  const blocks = text.matchAll(/^ *```(\w*)\n(.*?)^ *```$/gms);
  return [...blocks].map(([, language = "", inside = ""]) => {
    const firstLine = inside.split("\n")[0]!.replace(/\s+#.*$/, "").trim();
    return { file, language, text: inside, firstLine };
  });
}

const BLOCKS = FILES.flatMap(blocksOf);

function commandsOf(...words: readonly string[]): Block[] {
  return BLOCKS.filter(({ language, text, firstLine }) => {
    return language === "sh" && !(firstLine in NOT_RUN) &&
      words.some((word) => text.includes(word));
  });
}

/** A proxy, and a shell for the commands of the docs. */
class Reader implements AsyncDisposable {
  readonly proxy: Proxy;
  readonly #folder: TempFolder;
  readonly #replaced: ReadonlyMap<string, string>;

  private constructor(proxy: Proxy, folder: TempFolder, more: Readonly<Record<string, string>>) {
    this.proxy = proxy;
    this.#folder = folder;
    const { rtmp, httpServer, httpApi, systemApi } = proxy.ports;
    this.#replaced = new Map(Object.entries({
      ...{ "npx -y deno@2.9.6 task start": "srs-proxy" },
      ...{ 11935: `${rtmp}`, 18080: `${httpServer}`, 11985: `${httpApi}`, 12025: `${systemApi}` },
      ...more,
    }));
  }

  static async open(more: Readonly<Record<string, string>> = {}): Promise<Reader> {
    const folder = new TempFolder();
    const command = proxyCommand().map((word) => `'${word}'`).join(" ");
    await Deno.writeTextFile(folder.file("srs-proxy"), `#!/bin/sh\nexec ${command} "$@"\n`);
    await Deno.chmod(folder.file("srs-proxy"), 0o755);
    await Deno.writeTextFile(folder.file(".curlrc"), "fail\nmax-time = 5\n");
    return new Reader(await Proxy.open(), folder, more);
  }

  /** Replaces the ports and files of the docs by this test's. */
  adapt(text: string): string {
    return [...this.#replaced].reduce((now, [from, to]) => now.replaceAll(from, to), text);
  }

  start(text: string): Child {
    return new Child({
      command: "bash",
      args: ["-ec", this.adapt(text)],
      cwd: this.#folder.path,
      env: {
        PATH: `${this.#folder.path}:${Deno.env.get("PATH")}`,
        CURL_HOME: this.#folder.path,
        // There is no screen and no speaker.
        SDL_VIDEODRIVER: "dummy",
        SDL_AUDIODRIVER: "dummy",
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

Deno.test("every block of commands is run by a test, or has a reason not to be", () => {
  const run = new Set([...commandsOf("curl -s", "start --check"), ...commandsOf("ffmpeg")]);
  for (const block of BLOCKS) {
    const isKnown = run.has(block) || block.firstLine in NOT_RUN ||
      ["ini", "srs", "redis", ""].includes(block.language);
    assert.ok(isKnown, `${block.file}: ${block.firstLine}`);
  }
  const all = BLOCKS.map(({ firstLine }) => firstLine);
  for (const line of Object.keys(NOT_RUN)) assert.ok(all.includes(line), `${line} is in no file`);
});

Deno.test({
  name: "commands for operators succeed with a running proxy, and configurations are valid",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using reader = await Reader.open();
    let count = 0;
    for (const block of commandsOf("curl -s", "start --check")) {
      if (block.text.includes("while true")) continue;
      await using shell = reader.start(block.text);
      const { code } = await shell.end();
      assert.equal(code, 0, `${block.file}: ${block.text}\n${shell.errorText}`);
      assert.notEqual(shell.outputText, "", block.text);
      count++;
    }
    for (const { text } of BLOCKS.filter(({ language }) => language === "ini")) {
      await using folder = new TempFolder();
      await Deno.writeTextFile(folder.file("env"), text);
      await using shell = reader.start(`PROXY_ENV_FILE=${folder.file("env")} srs-proxy --check`);
      assert.equal((await shell.end()).code, 0, shell.errorText);
      count++;
    }
    assert.ok(count >= 4, `only ${count} blocks were found`);
  },
});

/** Publishes and plays as the README says. */
async function follow(reader: Reader): Promise<void> {
  const [block] = commandsOf("ffmpeg");
  const [publish = "", play = ""] = block!.text.trim().split("\n");
  await using publisher = reader.start(`exec ${publish.trim()}`);
  await publisher.until("ffmpeg publish", () => /frame=\s*[1-9]/.test(publisher.errorText));
  await using player = reader.start(`exec ${play.trim()}`);
  await player.until("ffplay play", () => /Stream #0:\d.*Video: h264/.test(player.errorText));
}

Deno.test({
  name: "the quick start with nginx: registered by the loop, published and played",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using origin = await NginxRtmp.open();
    await using reader = await Reader.open({
      '"1935"': `"${origin.rtmpPort}"`,
      "video.flv": await testFile(),
      // It outlives its shell only briefly.
      "sleep 60": "sleep 1",
    });
    const [loop] = commandsOf("while true");
    await using _registering = reader.start(loop!.text);
    await until("nginx be registered", async () => {
      return (await registeredOrigins(reader.proxy)).includes("nginx1");
    });
    await follow(reader);
  },
});

Deno.test({
  name: "the quick start with SRS: registered by its heartbeat, published and played",
  ignore: SRS_BIN === undefined,
  async fn() {
    await using reader = await Reader.open({ "video.flv": await testFile() });
    const [heartbeat] = BLOCKS.filter(({ file, language }) => {
      return file === "README.md" && language === "srs";
    });
    await using _srs = await Srs.open({
      name: "srs",
      top: reader.adapt(heartbeat!.text).split("\n"),
    });
    await until("SRS be registered", async () => {
      return (await registeredOrigins(reader.proxy)).length === 1;
    });
    await follow(reader);
  },
});

Deno.test("variables, metrics and headings that the docs name exist", () => {
  const headings = new Map(FILES.map((file) => {
    const text = Deno.readTextFileSync(`${PROJECT_FOLDER}/${file}`);
    return [file, new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) => anchorOf(title!)))];
  }));
  for (const file of FILES) {
    const text = Deno.readTextFileSync(`${PROJECT_FOLDER}/${file}`);
    for (const [name] of text.matchAll(/\bPROXY_[A-Z_]+[A-Z]\b/g)) {
      assert.ok(name in VARIABLES, `${file}: ${name}`);
    }
    for (const [name] of text.matchAll(/\bPROXY_[A-Z_]*_(?=\*)/g)) {
      const isPrefix = Object.keys(VARIABLES).some((variable) => variable.startsWith(name));
      assert.ok(isPrefix, `${file}: ${name}*`);
    }
    for (const [name] of text.matchAll(/\bsrs_proxy_[a-z_]+[a-z]\b/g)) {
      assert.ok(name in METRICS || PROCESS_METRICS.includes(name), `${file}: ${name}`);
    }
    for (const [, target = ""] of text.matchAll(/\]\(([^):]+)\)/g)) {
      const [path = "", anchor] = target.split("#");
      const full = path === "" ? file : new URL(path, `file:///${file}`).pathname.slice(1);
      assert.ok(Deno.statSync(`${PROJECT_FOLDER}/${full}`), `${file}: ${target}`);
      const known = headings.get(full);
      if (anchor && known) assert.ok(known.has(anchor), `${file}: there is no ${target}`);
    }
  }
});

/** The anchor of a heading, as generated by code hosts. */
function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(/[^\w\s-]/g, "").trim().replaceAll(/\s/g, "-");
}
