// Trims texts in linear time: an expression such as `/ +$/` scans each run of spaces again from each of its
// characters, and a stranger may send a long run.

/** Removes those characters from the end. @param characters each one UTF-16 unit */
export function trimEndOf(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** Removes those characters from both ends; `String.trim` removes more than protocols allow. */
export function trimOf(text: string, characters: string): string {
  const head = trimEndOf(text, characters);
  let start = 0;
  while (start < head.length && characters.includes(head.charAt(start))) start++;
  return head.slice(start);
}
