// A small WebRTC origin, run as a separate process: passes what is published with WHIP to players
// with WHEP, packet by packet. Like SRS it is an ICE-lite agent that ignores clients' candidates.
// Its arguments are the package werift, which is not a dependency of the project, and its address;
// the first line it prints is the port of its API.

/** The parts of werift that are used. */
interface Werift {
  readonly RTCPeerConnection: new (config: unknown) => Connection;
  readonly MediaStreamTrack: new (props: { kind: "audio" | "video" }) => Track;
  readonly useVP8: () => unknown;
  readonly useOPUS: () => unknown;
}

interface Connection {
  readonly dtlsTransports: readonly DtlsTransport[];
  readonly iceTransports: readonly { readonly connection: IceAgent }[];
  readonly onTrack: { subscribe(take: (track: Track) => void): void };
  readonly localDescription?: { readonly sdp: string };
  readonly iceConnectionState: string;
  addTransceiver(track: Track, options: { direction: "sendonly" }): unknown;
  getReceivers(): readonly { sendRtcpPLI(ssrc: number): Promise<void> }[];
  setRemoteDescription(description: { type: "offer"; sdp: string }): Promise<void>;
  createAnswer(): Promise<unknown>;
  setLocalDescription(description: unknown): Promise<void>;
  close(): Promise<void>;
}

interface IceAgent {
  /** Where it sends, chosen by the client. */
  nominated: { readonly remoteAddr: readonly [host: string, port: number] } | undefined;
  /** Takes a request that proves its sender. */
  checkIncoming(
    request: { readonly attributesKeys: readonly string[] },
    sender: readonly [host: string, port: number],
    ...others: readonly unknown[]
  ): void;
}

interface DtlsTransport {
  readonly onStateChange: { subscribe(take: (state: string) => void): void };
  /** There from the start of the handshake. */
  readonly dtls?: { onHandleHandshakes(messages: readonly Handshake[]): Promise<void> };
}

interface Handshake {
  readonly msg_type: number;
}

interface Track {
  readonly kind: "audio" | "video";
  readonly ssrc?: number;
  readonly onReceiveRtp: { subscribe(take: (packet: unknown) => void): void };
  writeRtp(packet: unknown): void;
}

/** A publisher, and the tracks of all its players. */
interface Publisher {
  readonly connection: Connection;
  readonly tracks: Track[];
  readonly outlets: Map<string, Track[]>;
}

const [PACKAGE, HOST] = Deno.args as [string, string];
const FAMILY = HOST.includes(":") ? "udp6" : "udp4";
const werift: Werift = await import(PACKAGE);
const publishers = new Map<string, Publisher>();
/** How to end each session, by its id. */
const sessions = new Map<string, () => Promise<void>>();
const requests: string[] = [];
/** How often to request a key frame, milliseconds: a player that joins later needs one soon. */
const KEYFRAME_INTERVAL = 500;

function openConnection(): Connection {
  return new werift.RTCPeerConnection({
    codecs: { video: [werift.useVP8()], audio: [werift.useOPUS()] },
    iceServers: [],
    iceLite: true,
    iceUseIpv4: FAMILY === "udp4",
    iceUseIpv6: FAMILY === "udp6",
    iceAdditionalHostAddresses: [HOST],
    iceInterfaceAddresses: { [FAMILY]: HOST },
  });
}

async function answer(connection: Connection, offer: string): Promise<string> {
  const sdp = offer.replaceAll(/a=candidate:.*\r\n/g, "");
  await connection.setRemoteDescription({ type: "offer", sdp });
  await connection.setLocalDescription(await connection.createAnswer());
  connection.dtlsTransports.forEach(ignoreRepetitions);
  for (const { connection: agent } of connection.iceTransports) followNominations(agent);
  return connection.localDescription!.sdp;
}

/**
 * Sends to the address that the client nominated last. werift would stay with the first one, so a
 * browser whose first answer over UDP comes late would be sent everything over TCP.
 */
function followNominations(agent: IceAgent): void {
  const take = agent.checkIncoming;
  agent.checkIncoming = (request, sender, ...others) => {
    const isElsewhere = agent.nominated?.remoteAddr.join() !== sender.join();
    if (isElsewhere && request.attributesKeys.includes("USE-CANDIDATE")) {
      agent.nominated = undefined;
    }
    take.call(agent, request, sender, ...others);
  };
}

/**
 * Has each message of the handshake handled once. On a busy machine a browser repeats its messages,
 * and werift, when it has the last of them, would still answer a repeated one with new keys.
 */
function ignoreRepetitions(transport: DtlsTransport): void {
  transport.onStateChange.subscribe((state) => {
    if (state !== "connecting") return;
    queueMicrotask(() => {
      const dtls = transport.dtls!;
      const handle = dtls.onHandleHandshakes;
      const handled = new Set<number>();
      dtls.onHandleHandshakes = (messages) => {
        const fresh = messages.filter((message) => !handled.has(message.msg_type));
        for (const { msg_type } of fresh) handled.add(msg_type);
        return handle(fresh);
      };
    });
  });
}

async function publish(stream: string, offer: string): Promise<[sdp: string, id: string]> {
  const connection = openConnection();
  const publisher: Publisher = { connection, tracks: [], outlets: new Map() };
  connection.onTrack.subscribe((track) => {
    publisher.tracks.push(track);
    track.onReceiveRtp.subscribe((packet) => {
      for (const outlets of publisher.outlets.values()) {
        outlets.find(({ kind }) => kind === track.kind)?.writeRtp(packet);
      }
    });
  });
  const sdp = await answer(connection, offer);
  publishers.set(stream, publisher);
  const timer = setInterval(() => askForKeyframe(publisher), KEYFRAME_INTERVAL);
  return [
    sdp,
    addSession(async () => {
      clearInterval(timer);
      if (publishers.get(stream) === publisher) publishers.delete(stream);
      await connection.close();
    }),
  ];
}

function askForKeyframe({ connection, tracks, outlets }: Publisher): void {
  const video = tracks.find(({ kind }) => kind === "video");
  if (video?.ssrc === undefined || outlets.size === 0) return;
  for (const receiver of connection.getReceivers()) {
    receiver.sendRtcpPLI(video.ssrc).catch(() => {});
  }
}

async function play(publisher: Publisher, offer: string): Promise<[sdp: string, id: string]> {
  const connection = openConnection();
  const outlets = (["video", "audio"] as const).map((kind) =>
    new werift.MediaStreamTrack({ kind })
  );
  for (const track of outlets) connection.addTransceiver(track, { direction: "sendonly" });
  const sdp = await answer(connection, offer);
  const id = addSession(async () => {
    publisher.outlets.delete(id);
    await connection.close();
  });
  publisher.outlets.set(id, outlets);
  return [sdp, id];
}

function addSession(end: () => Promise<void>): string {
  const id = crypto.randomUUID();
  sessions.set(id, end);
  return id;
}

async function handle(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/seen") return Response.json({ requests, sessions: [...sessions.keys()] });
  // A proxy asks once what kind of server has registered.
  if (pathname === "/api/v1/versions") return new Response(null, { status: 404 });
  requests.push(`${request.method} ${pathname}`);
  if (request.method === "DELETE") {
    const id = pathname.split("/").at(-1)!;
    const end = sessions.get(id);
    sessions.delete(id);
    await end?.();
    return new Response(null, { status: end ? 200 : 404 });
  }
  const stream = `${searchParams.get("app")}/${searchParams.get("stream")}`;
  const offer = await request.text();
  const publisher = publishers.get(stream);
  if (pathname === "/rtc/v1/whep/" && publisher === undefined) {
    return new Response("no such stream", { status: 404 });
  }
  const [sdp, id] = pathname === "/rtc/v1/whep/"
    ? await play(publisher!, offer)
    : await publish(stream, offer);
  const location = `${pathname}session/${id}`;
  return new Response(sdp, {
    status: 201,
    headers: { "content-type": "application/sdp", location },
  });
}

const server = Deno.serve({ hostname: HOST, port: 0, onListen: () => {} }, handle);
Deno.stdout.writeSync(new TextEncoder().encode(`${server.addr.port}\n`));
