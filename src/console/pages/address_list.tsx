// The addresses of the stream, each with a button to copy it.

/// <reference lib="dom" />

import { useState } from "preact/hooks";
import { type ProxyPlace, streamAddresses, type StreamName } from "./stream_name.ts";

/** Milliseconds for which a button says that it has copied. */
const COPIED_FOR = 1500;

interface AddressListProps {
  readonly name: StreamName;
  readonly place: ProxyPlace;
  /** What the addresses are for. */
  readonly intent: "play" | "publish";
}

export function AddressList({ name, place, intent }: AddressListProps) {
  return (
    <section aria-labelledby="addresses">
      <h2 id="addresses">Addresses for other programs</h2>
      <ul class="addresses">
        {streamAddresses(name, place, intent).map(({ label, url }) => (
          <Address key={label} label={label} url={url} />
        ))}
      </ul>
      <p>
        For VLC (Media, Open Network Stream) or <code>ffplay 'ADDRESS'</code>, in quotes.{" "}
        {intent === "play"
          ? "Publish to the RTMP or the WHIP address."
          : "Publish to the RTMP, the WHIP or the SRT address."}
      </p>
    </section>
  );
}

function Address({ label, url }: { label: string; url: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async (event: MouseEvent) => {
    const button = event.currentTarget as HTMLButtonElement;
    await copyText(url, button.parentElement!.querySelector("input")!);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_FOR);
  };
  const id = `address-${label.toLowerCase()}`;
  return (
    <li>
      <label htmlFor={id}>{label}</label>
      <input id={id} readOnly value={url} onFocus={({ currentTarget }) => currentTarget.select()} />
      <button type="button" aria-label={`Copy the ${label} address`} onClick={copy}>
        {isCopied ? "Copied" : "Copy"}
      </button>
    </li>
  );
}

/** The clipboard exists only on secure pages; elsewhere the selected field is copied. */
async function copyText(text: string, field: HTMLInputElement): Promise<void> {
  if (navigator.clipboard) return await navigator.clipboard.writeText(text);
  field.select();
  document.execCommand("copy");
}
