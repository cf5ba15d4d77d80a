// The system programs that the tests and the demo need. Installs missing ones from Debian packages
// if allowed, otherwise says what to install.

import { say } from "./say.ts";

/** Something that must be on this machine. */
export interface Requirement {
  /** Its name, for people. */
  readonly name: string;
  /** Debian packages that provide it. */
  readonly packages: readonly string[];
  /** Any of these files or programs is sufficient; programs are looked up as by a shell. */
  readonly anyOf: readonly string[];
  /** The system service that its package starts and that is not wanted here. */
  readonly service?: string;
}

/** Publishes and reads streams. */
export const FFMPEG: Requirement = { name: "ffmpeg", packages: ["ffmpeg"], anyOf: ["ffmpeg"] };

/** Inspects streams; part of ffmpeg. */
const FFPROBE: Requirement = { name: "ffprobe", packages: ["ffmpeg"], anyOf: ["ffprobe"] };

/** The server for the RTMP module. */
export const NGINX: Requirement = {
  name: "nginx",
  packages: ["nginx"],
  anyOf: ["nginx"],
  service: "nginx",
};

/** Makes nginx an RTMP origin. */
export const NGINX_RTMP: Requirement = {
  name: "the RTMP module of nginx",
  packages: ["libnginx-mod-rtmp"],
  anyOf: ["/usr/lib/nginx/modules/ngx_rtmp_module.so"],
};

/** The relay that benchmarks compare with. */
const NGINX_STREAM: Requirement = {
  name: "the stream module of nginx",
  packages: ["libnginx-mod-stream"],
  anyOf: ["/usr/lib/nginx/modules/ngx_stream_module.so"],
};

/** A client with librtmp, on which OBS and many others are built. */
const RTMPDUMP: Requirement = {
  name: "rtmpdump",
  packages: ["rtmpdump"],
  anyOf: ["rtmpdump"],
};

/** Opens the built-in pages. */
const CHROMIUM: Requirement = {
  name: "Chromium",
  packages: ["chromium-headless-shell"],
  anyOf: ["chromium-headless-shell"],
};

/** A load balancer. */
const HAPROXY: Requirement = {
  name: "HAProxy",
  packages: ["haproxy"],
  anyOf: ["haproxy"],
  service: "haproxy",
};

/** The registry shared by several proxies. */
const REDIS: Requirement = {
  name: "redis-server",
  packages: ["redis-server"],
  anyOf: ["redis-server"],
  service: "redis-server",
};

/** Gives a program a time other than the machine's. */
const FAKETIME: Requirement = {
  name: "faketime",
  packages: ["faketime"],
  anyOf: ["faketime"],
};

/** Sends and receives SRT with only libsrt. */
const SRT_TOOLS: Requirement = {
  name: "srt-live-transmit",
  packages: ["srt-tools"],
  anyOf: ["srt-live-transmit"],
};

/** Creates network namespaces. */
const IPROUTE: Requirement = { name: "ip", packages: ["iproute2"], anyOf: ["ip"] };

/** Drops packets in such a network. */
const NFTABLES: Requirement = { name: "nft", packages: ["nftables"], anyOf: ["nft"] };

/** Makes certificates. */
const OPENSSL: Requirement = {
  name: "openssl",
  packages: ["openssl"],
  anyOf: ["openssl"],
};

/** Checks units; is not started if it is not running already. */
const SYSTEMD: Requirement = {
  name: "systemd-analyze",
  packages: ["systemd"],
  anyOf: ["systemd-analyze"],
};

/** Checks shell scripts. */
const SHELLCHECK: Requirement = {
  name: "shellcheck",
  packages: ["shellcheck"],
  anyOf: ["shellcheck"],
};

/** Provides promtool, which checks alerts. */
const PROMETHEUS: Requirement = {
  name: "promtool",
  packages: ["prometheus"],
  anyOf: ["promtool"],
  service: "prometheus",
};

const TEST_REQUIREMENTS: readonly Requirement[] = [
  ...[FFMPEG, FFPROBE, NGINX, NGINX_RTMP, NGINX_STREAM, RTMPDUMP],
  ...[CHROMIUM, REDIS, HAPROXY, FAKETIME, SRT_TOOLS, OPENSSL, SYSTEMD, SHELLCHECK, PROMETHEUS],
  ...[IPROUTE, NFTABLES],
];

/** The requirements that this machine lacks. */
export function missing(requirements: readonly Requirement[]): Requirement[] {
  return requirements.filter(({ anyOf }) => !anyOf.some(isThere));
}

/** The command that installs them on Debian and its derivatives. */
export function installCommand(requirements: readonly Requirement[]): string {
  return `apt-get install --no-install-recommends ${packagesOf(requirements).join(" ")}`;
}

/**
 * Ensures that this machine has what the tests need.
 *
 * @returns false when something is missing and cannot be installed, after printing what to do
 */
export async function setUp(): Promise<boolean> {
  const wanted = missing(TEST_REQUIREMENTS);
  if (wanted.length === 0) return true;
  if (Deno.uid() === 0 && isThere("apt-get")) {
    await install(wanted);
    if (missing(TEST_REQUIREMENTS).length === 0) return true;
  }
  const left = missing(TEST_REQUIREMENTS);
  say(`Missing: ${left.map(({ name }) => name).join(", ")}`);
  say(`On Debian or Ubuntu install it, as root, with`);
  say(`  ${installCommand(left)}`);
  return false;
}

async function install(requirements: readonly Requirement[]): Promise<void> {
  say(`Installing ${packagesOf(requirements).join(" ")}, which may take some minutes`);
  // An outdated or partial package list may be enough; only the installation itself decides.
  await run("apt-get", ["update", "-qq"]);
  const options = ["install", "-qq", "-y", "--no-install-recommends"];
  await run("apt-get", [...options, ...packagesOf(requirements)]);
  for (const { service } of requirements) {
    if (service !== undefined) await stopService(service);
  }
}

/** Stops a service that its package has started; the tests start their own. */
async function stopService(service: string): Promise<void> {
  if (isThere("/run/systemd/system") && isThere("systemctl")) {
    await run("systemctl", ["disable", "--now", "--quiet", service]);
  } else if (isThere(`/etc/init.d/${service}`)) {
    await run(`/etc/init.d/${service}`, ["stop"]);
  }
}

/** Runs a command whose output matters only if it fails. */
async function run(command: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
  }).output();
  if (code === 0) return;
  const text = new TextDecoder();
  say(`${text.decode(stdout)}${text.decode(stderr)}`.trim());
  say(`Cannot run ${command} ${args.join(" ")}: exit code ${code}`);
}

function packagesOf(requirements: readonly Requirement[]): string[] {
  return [...new Set(requirements.flatMap(({ packages }) => packages))];
}

/** Looks in the sbin folders too, which are not on everybody's PATH on Debian. */
function isThere(file: string): boolean {
  if (file.startsWith("/")) return exists(file);
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  return [...folders, "/usr/sbin", "/sbin"].some((folder) => exists(`${folder}/${file}`));
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) Deno.exit(await setUp() ? 0 : 1);
