// Formats numbers for people.

const STEPS = ["", "k", "M", "G", "T"] as const;

/** `3.4 Mbit/s`. */
export function bitRate(bits: number): string {
  return `${scaled(bits, 1_000)}bit/s`;
}

/** `2 d 3 h`, `4 min 5 s`: the two largest parts. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3_600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  const shown = parts.slice(first, first + 2).filter(([count], at) => at === 0 || count > 0);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(" ");
}

/** With thousands separators. */
export function count(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: 1 });
}

/** `1 stream`, `2 streams`. */
export function countOf(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** The key of a stream for people: without the default vhost. */
export function streamName(key: string): string {
  return key.replace(/^__defaultVhost__\//, "");
}

/** Three digits, a space and the letter of a power. */
function scaled(value: number, base: number): string {
  let step = 0;
  let rest = value;
  while (Math.abs(rest) >= base && step < STEPS.length - 1) {
    rest /= base;
    step++;
  }
  const digits = step === 0 || Math.abs(rest) >= 100 ? 0 : 1;
  return `${rest.toFixed(digits)} ${STEPS[step]}`;
}
