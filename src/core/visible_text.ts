// Shows texts that may contain characters that are invisible or change how others are displayed. Knows
// nothing of what the texts mean.

/** Control characters, format characters such as those that reverse text, other line ends. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Most characters of a text from outside that are shown. */
const LONGEST_SHOWN = 64;

/** Escapes invisible characters as JSON does, `\u009b`. @param json has them only inside strings */
export function escapeHidden(json: string): string {
  return json.replace(HIDDEN, (character) => {
    let escaped = "";
    for (let at = 0; at < character.length; at++) {
      escaped += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
    }
    return escaped;
  });
}

/** The beginning of a text from outside, in quotes, for an error message. */
export function shown(text: string): string {
  return escapeHidden(JSON.stringify(text.slice(0, LONGEST_SHOWN)));
}
