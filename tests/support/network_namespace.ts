// A network namespace joined to the machine's network by a virtual cable (veth), for programs whose
// network loses packets that a test selects. The namespace belongs to a waiting process, so it ends
// with that process, and the cable with it. Needs root; knows no program.

import { Child } from "./child.ts";
import { run } from "./outcome.ts";
import { TempFolder } from "./temp_folder.ts";

/**
 * Whether this machine lets a test create network namespaces. If not, tests that need them are
 * skipped.
 */
export const HAS_NAMESPACES: boolean = canUnshare();

/** Disposing of it removes the network but does not end programs in it. */
export class NetworkNamespace implements AsyncDisposable {
  /** The machine's address as seen from inside, and the address inside as seen from the machine. */
  readonly outside: string;
  readonly inside: string;
  /** The same for IPv6. */
  readonly outside6: string;
  readonly inside6: string;
  readonly #cable: string;
  readonly #holder: Child;
  readonly #folder = new TempFolder();

  private constructor(holder: Child) {
    // Addresses that RFC 2544 and RFC 5180 reserve for network tests; a pair for each cable.
    const [high, low] = crypto.getRandomValues(new Uint8Array(2)) as unknown as [number, number];
    this.outside = `198.18.${high}.${(low & 0xfc) + 1}`;
    this.inside = `198.18.${high}.${(low & 0xfc) + 2}`;
    const prefix = `2001:2:0:${((high << 8) | low | 0x1000).toString(16)}`;
    this.outside6 = `${prefix}::1`;
    this.inside6 = `${prefix}::2`;
    this.#cable = `srs-test${holder.pid}`;
    this.#holder = holder;
  }

  /** @throws Error when this machine does not allow it */
  static async open(): Promise<NetworkNamespace> {
    const waiting = "echo there; exec sleep infinity";
    const holder = new Child({ command: "unshare", args: ["--net", "sh", "-c", waiting] });
    const network = new NetworkNamespace(holder);
    try {
      await holder.until("a network", () => holder.outputText.includes("there"));
      await network.#connect();
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Creates an executable file that runs a program inside, with the arguments it gets. */
  async programInside(command: string): Promise<string> {
    const path = this.#folder.file(command.replaceAll("/", "_"));
    const words = ["nsenter", ...this.#entering(), command].join(" ");
    await Deno.writeTextFile(path, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
    return path;
  }

  /**
   * Silently drops matching packets on their way from inside to the machine, and no others.
   *
   * @param match an nftables match: `meta l4proto udp`
   */
  async lose(match: string): Promise<void> {
    const rules = this.#folder.file("rules.nft");
    await Deno.writeTextFile(
      rules,
      `table netdev test
delete table netdev test
table netdev test {
  chain lost {
    type filter hook egress device ${this.#cable} priority 0;
    ${match} counter drop
  }
}
`,
    );
    await this.#run("nft", "-f", rules);
  }

  /** Drops nothing any more. */
  async heal(): Promise<void> {
    await this.#run("nft", "delete", "table", "netdev", "test");
  }

  /** How many packets have been dropped since the last call of `lose`. */
  async lost(): Promise<number> {
    const text = await this.#run("nft", "list", "table", "netdev", "test");
    return Number(/counter packets (\d+)/.exec(text)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder.kill();
    await this.#folder[Symbol.asyncDispose]();
  }

  async #connect(): Promise<void> {
    const cable = this.#cable;
    const { pid } = this.#holder;
    const inside = ["peer", "name", cable, "netns", String(pid)];
    await must("ip", ["link", "add", cable, "type", "veth", ...inside]);
    await this.#run("ip", "link", "set", "lo", "up");
    const outer = (...words: readonly string[]) => must("ip", words);
    const inner = (...words: readonly string[]) => this.#run("ip", ...words);
    for (
      const [ip, v4, v6] of [
        [outer, this.outside, this.outside6],
        [inner, this.inside, this.inside6],
      ] as const
    ) {
      await ip("address", "add", `${v4}/30`, "dev", cable);
      // Nobody else can have this address, so duplicate detection is not needed and it can be used
      // at once.
      await ip("address", "add", `${v6}/64`, "dev", cable, "nodad");
      // Without a link-local address, whose duplicate detection ends a second later: Chromium gives up
      // what it loads when an address changes.
      await ip("link", "set", cable, "addrgenmode", "none", "up");
    }
    await inner("route", "add", "default", "via", this.outside);
    await inner("route", "add", "default", "via", this.outside6);
  }

  #run(...words: readonly string[]): Promise<string> {
    return must("nsenter", [...this.#entering(), ...words]);
  }

  #entering(): readonly string[] {
    return [`--net=/proc/${this.#holder.pid}/ns/net`];
  }
}

async function must(command: string, args: readonly string[]): Promise<string> {
  const { code, said } = await run(command, args);
  if (code !== 0) throw new Error(`Cannot run ${command} ${args.join(" ")}: ${said}`);
  return said;
}

function canUnshare(): boolean {
  if (Deno.build.os !== "linux") return false;
  try {
    return new Deno.Command("unshare", { args: ["--net", "true"] }).outputSync().success;
  } catch {
    return false;
  }
}
