// Characters that are invisible, or change how others are displayed, and how to show texts that may
// contain them. Knows nothing of what the texts mean.

/** Control characters, format characters such as those that turn text around, other line ends. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Characters that are shown of a text from outside. */
const LONGEST_SHOWN = 64;

/** What cannot be seen as JSON writes it, `\u009b`. @param json has such characters inside of strings only */
export function escapeHidden(json: string): string {
  return json.replace(HIDDEN, (character) => {
    let escaped = "";
    for (let at = 0; at < character.length; at++) {
      escaped += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
    }
    return escaped;
  });
}

/** The begin of a text from outside, in quotes, for the message of an error. */
export function shown(text: string): string {
  return escapeHidden(JSON.stringify(text.slice(0, LONGEST_SHOWN)));
}
