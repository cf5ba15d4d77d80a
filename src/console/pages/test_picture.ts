// A test picture that needs no camera: a clock, a bar that crosses the picture once every second, and a beep
// when it starts, which make delays in a stream visible and audible.

/// <reference lib="dom" />

const WIDTH = 1280;
const HEIGHT = 720;
const FRAME_RATE = 30;
const BEEP = { frequency: 880, volume: 0.2, seconds: 0.06 } as const;

export interface TestPicture {
  readonly stream: MediaStream;
  close(): void;
}

export function openTestPicture(): TestPicture {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d")!;
  const beeper = new Beeper();
  let second = -1;
  const draw = () => {
    const now = new Date();
    drawPicture(context, now);
    if (now.getSeconds() === second) return;
    second = now.getSeconds();
    beeper.beep();
  };
  draw();
  // Not by animation frames: those stop when another window covers this one.
  const timer = setInterval(draw, 1000 / FRAME_RATE);
  const stream = canvas.captureStream(FRAME_RATE);
  stream.addTrack(beeper.track);
  return {
    stream,
    close: () => {
      clearInterval(timer);
      beeper.close();
      for (const track of stream.getTracks()) track.stop();
    },
  };
}

function drawPicture(context: CanvasRenderingContext2D, now: Date): void {
  const share = now.getMilliseconds() / 1000;
  context.fillStyle = `hsl(${now.getSeconds() * 6} 45% 30%)`;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.fillStyle = "#fff";
  context.fillRect(share * WIDTH, 0, 8, HEIGHT);
  context.font = "120px ui-monospace, monospace";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(now.toISOString().slice(11, 23), WIDTH / 2, HEIGHT / 2);
}

/** A short tone on demand. */
class Beeper {
  readonly track: MediaStreamTrack;
  readonly #audio = new AudioContext();
  readonly #gain = this.#audio.createGain();

  constructor() {
    const tone = this.#audio.createOscillator();
    const out = this.#audio.createMediaStreamDestination();
    tone.frequency.value = BEEP.frequency;
    this.#gain.gain.value = 0;
    tone.connect(this.#gain).connect(out);
    tone.start();
    this.track = out.stream.getAudioTracks()[0]!;
  }

  beep(): void {
    const { currentTime } = this.#audio;
    this.#gain.gain.setValueAtTime(BEEP.volume, currentTime);
    this.#gain.gain.setValueAtTime(0, currentTime + BEEP.seconds);
  }

  close(): void {
    this.#audio.close().catch(() => {});
  }
}
