// Trims the ends of texts. Each character is looked at once: an expression such as `/ +$/` scans
// each run of them again from each of its characters, and a stranger may send a long one.

/** The text without those characters at its end. @param characters each one UTF-16 unit */
export function trimEndOf(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** The text without those characters at either end; `trim` removes more than protocols allow. */
export function trimOf(text: string, characters: string): string {
  const head = trimEndOf(text, characters);
  let start = 0;
  while (start < head.length && characters.includes(head.charAt(start))) start++;
  return head.slice(start);
}
