// The systemd units: systemd finds them correct and secure, what they run as root cannot be abused,
// and the two stay consistent.

import assert from "node:assert/strict";
import { run } from "../support/outcome.ts";
import { PROJECT_FOLDER } from "../support/project.ts";
import { TempFolder } from "../support/temp_folder.ts";

const ignore = Deno.build.os !== "linux";
const SCRIPTS = `${PROJECT_FOLDER}/scripts`;
const UNITS = ["srs-proxy.service", "srs-proxy@.service"];
/** 2.5 in systemd-analyze's units. */
const HIGHEST_EXPOSURE = "25";

function readUnit(unit: string): string {
  return Deno.readTextFileSync(`${SCRIPTS}/${unit}`);
}

/** The commands that a unit runs as root at a start and two reloads, for instance `a`. */
function commandsOfRoot(unit: string, folder: TempFolder): string[][] {
  const commands = readUnit(unit).matchAll(/^Exec(?:StartPre|Reload)=-?\+(.*)$/gm);
  return Array.from(commands, ([, command]) => {
    const paths = command!.replaceAll("%i", "a")
      .replaceAll("/etc/srs-proxy/", `${folder.file("etc")}/`)
      .replaceAll(/\/run\/srs-proxy[^/ ]*\//g, `${folder.file("run")}/`);
    return paths.split(" ");
  });
}

/** The settings of a unit without those that must differ. */
function sharedSettings(unit: string): string[] {
  const own = /^(Description|Environment(File)?|RuntimeDirectory|ExecStartPre|ExecReload)=/;
  return readUnit(unit).split("\n").filter((line) => /^[A-Z[]/.test(line) && !own.test(line));
}

for (const unit of UNITS) {
  Deno.test({
    name: `${unit}: systemd finds nothing wrong, and an exposure of at most 2.5`,
    ignore,
    async fn() {
      await using folder = new TempFolder();
      // An instance of a template; the executable is not installed.
      const file = folder.file(unit.replace("@", "@a"));
      const text = readUnit(unit).replaceAll("/usr/local/bin/srs-proxy", "/bin/true");
      await Deno.writeTextFile(file, text);
      assert.deepEqual(
        await run("systemd-analyze", ["verify", "--recursive-errors=no", "--man=no", file]),
        { code: 0, said: "" },
      );
      const security = await run("systemd-analyze", [
        ...["security", "--offline=true", `--threshold=${HIGHEST_EXPOSURE}`, "--no-pager"],
        `${SCRIPTS}/${unit}`,
      ]);
      assert.equal(security.code, 0, security.said);
    },
  });

  Deno.test({
    name: `${unit}: a compromised process cannot make root write elsewhere`,
    ignore,
    async fn() {
      await using folder = new TempFolder();
      for (const name of ["etc", "run", "elsewhere"]) await Deno.mkdir(folder.file(name));
      const commands = commandsOfRoot(unit, folder);
      assert.ok(commands.length >= 2);
      for (const [program, ...args] of commands) {
        const [source, target] = args.slice(-2);
        const victim = folder.file(`elsewhere/${source!.split("/").at(-1)}`);
        await Deno.writeTextFile(source!, "PROXY_RTMP_SERVER=1935\n");
        await Deno.writeTextFile(victim, "not ours");
        await Deno.remove(target!).catch(() => {});
        for (const link of [folder.file("elsewhere"), victim]) {
          await Deno.symlink(link, target!);
          assert.deepEqual(await run(program!, args), { code: 0, said: "" });
          assert.equal(await Deno.readTextFile(victim), "not ours");
          assert.ok((await Deno.lstat(target!)).isFile);
          await Deno.remove(target!);
        }
      }
    },
  });
}

Deno.test("the units for one process and for several have the same sandbox and restart rules", () => {
  const [one, several] = UNITS.map(sharedSettings);
  assert.deepEqual(one, several);
  assert.ok(one!.includes("SystemCallFilter=@system-service"), "comparing something");
});
