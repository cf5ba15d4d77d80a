// node-media-server as a real origin, run by the current Deno: RTMP, HTTP-FLV at
// `/live/STREAM.flv`, and its HTTP API that lists streams. Knows nothing about the proxy.

import { whenReady } from "./child.ts";
import { acceptsAt, fetchText, OriginServer } from "./origin_server.ts";
import { freePorts } from "./ports.ts";
import { PROJECT_FOLDER } from "./project.ts";
import { TempFolder } from "./temp_folder.ts";

/**
 * The package as arguments of `deno run` or `deno cache`. It has a lock file of its own, so that
 * running the proxy does not install it.
 */
export const NODE_MEDIA_SERVER_PACKAGE: readonly string[] = [
  "--no-config",
  `--lock=${PROJECT_FOLDER}/tests/support/node_media_server.lock`,
  "--frozen",
  "npm:node-media-server@4.4.3",
];

const ACCOUNT = { username: "admin", password: "of-this-test-only" };
const START_DEADLINE = 60_000;
/** Its first answer waits for much of the server to be loaded. */
const LOGIN_DEADLINE = 20_000;

interface LoginAnswer {
  readonly data: { readonly token: string };
}

interface StreamsAnswer {
  readonly data: {
    readonly streams: readonly {
      readonly app: string;
      readonly name: string;
      readonly status: string;
    }[];
  };
}

/** The server's name, and where it reports its publishers and players. */
export interface NodeMediaServerOptions {
  readonly name?: string;
  /** Where it listens; 127.0.0.1 unless given. */
  readonly host?: string;
  /** Gets a POST with JSON (`action`, `app`, `name`, `query`) for each event. */
  readonly notifyUrl?: string;
}

/** A running node-media-server. */
export class NodeMediaServer extends OriginServer {
  #token = "";

  private constructor(options: NodeMediaServerOptions, folder: TempFolder) {
    const [rtmpPort, httpPort] = freePorts(2) as [number, number];
    const configurationFile = folder.file("config.json");
    const configuration = {
      bind: options.host ?? "127.0.0.1",
      rtmp: { port: rtmpPort },
      http: { port: httpPort },
      webadmin: { enable: false },
      record: { auto: false, path: folder.file("record") },
      store: { path: folder.file("data") },
      auth: { jwt: { secret: crypto.randomUUID(), users: [{ ...ACCOUNT, role: "admin" }] } },
      notify: options.notifyUrl && { url: options.notifyUrl },
    };
    Deno.writeTextFileSync(configurationFile, JSON.stringify(configuration));
    const program = {
      command: Deno.execPath(),
      args: [
        ...["run", "--quiet", "--allow-all", ...NODE_MEDIA_SERVER_PACKAGE],
        ...["--config", configurationFile],
      ],
      cwd: folder.path,
    };
    const place = { ...options, name: options.name ?? "node-media-server", rtmpPort, httpPort };
    super(place, program, folder);
  }

  /** Starts the server and waits until it accepts connections and its API answers. */
  static async open(options: NodeMediaServerOptions = {}): Promise<NodeMediaServer> {
    const server = new NodeMediaServer(options, new TempFolder());
    const isReady = async () => {
      if (!await acceptsAt(server.host, server.rtmpPort, server.httpPort)) return false;
      await server.#logIn();
      return true;
    };
    const what = "node-media-server accept connections";
    return await whenReady(server, what, isReady, START_DEADLINE);
  }

  override async publishedStreams(): Promise<string[]> {
    const headers = { authorization: `Bearer ${this.#token}` };
    const answer: StreamsAnswer = JSON.parse(await fetchText(this.#api("streams"), { headers }));
    return answer.data.streams
      .filter(({ app, status }) => app === "live" && status === "publishing")
      .map(({ name }) => name);
  }

  async #logIn(): Promise<void> {
    const answer: LoginAnswer = JSON.parse(
      await fetchText(this.#api("login"), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(ACCOUNT),
      }, LOGIN_DEADLINE),
    );
    this.#token = answer.data.token;
  }

  #api(path: string): string {
    return this.httpUrl(`/api/v1/${path}`);
  }
}
