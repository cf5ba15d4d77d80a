// Parses regular expressions, as far as the program's sources use their syntax, so that tests can
// count the steps of a backtracking engine and generate hard texts. ECMA-262, section 22.2.

/** The characters that an expression accepts at one place, as the built-in engine sees them. */
export class CharacterSet {
  readonly #native: RegExp;
  /** By code, 1 for those that it has: nearly every character of a text is among these. */
  readonly #first = new Uint8Array(256);
  readonly #others = new Map<number, boolean>();

  constructor(source: string, flags: string) {
    this.#native = new RegExp(`^(?:${source})$`, flags);
    for (let code = 0; code < this.#first.length; code++) {
      if (this.#isIn(code)) this.#first[code] = 1;
    }
  }

  has(code: number): boolean {
    return code < this.#first.length ? this.#first[code] === 1 : this.#hasOther(code);
  }

  #hasOther(code: number): boolean {
    let isIn = this.#others.get(code);
    if (isIn === undefined) this.#others.set(code, isIn = this.#isIn(code));
    return isIn;
  }

  #isIn(code: number): boolean {
    return this.#native.test(String.fromCodePoint(code));
  }
}

export type Node =
  | { readonly kind: "set"; readonly set: CharacterSet }
  | { readonly kind: "sequence"; readonly parts: readonly Node[] }
  | { readonly kind: "choice"; readonly options: readonly Node[] }
  | { readonly kind: "start" | "end" | "boundary" | "no_boundary" }
  | {
    readonly kind: "look";
    readonly isAhead: boolean;
    readonly isNegative: boolean;
    readonly body: Node;
  }
  | {
    readonly kind: "repeat";
    readonly body: Node;
    readonly least: number;
    readonly most: number;
    readonly isGreedy: boolean;
  };

/** An escape sequence. */
const ESCAPE = /\\(?:u\{[0-9a-f]+\}|u[0-9a-f]{4}|x[0-9a-f]{2}|[pP]\{[^}]*\}|[^])/iy;
const CLASS = /\[(?:\\[^]|[^\]\\])*\]/y;
const COUNTS = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})(\?)?/y;
const GROUP = /\((?:\?(?::|<?[=!]|<[a-z]\w*>))?/iy;

/**
 * Parses an expression.
 *
 * @throws Error for syntax that the sources do not use, such as back references
 */
export function parseExpression(source: string, flags: string): Node {
  return new Parser(source, flags).parse();
}

class Parser {
  readonly #source: string;
  readonly #flags: string;
  #at = 0;

  constructor(source: string, flags: string) {
    this.#source = source;
    this.#flags = flags.replace(/[^isu]/g, "");
    if (/[mv]/.test(flags)) throw this.#unknown();
  }

  parse(): Node {
    const node = this.#parseChoice();
    if (this.#at < this.#source.length) throw this.#unknown();
    return node;
  }

  #unknown(): Error {
    return new Error(
      `Cannot take /${this.#source}/ apart: current value is unknown at ${this.#at}`,
    );
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found;
  }

  #parseChoice(): Node {
    const options = [this.#parseSequence()];
    while (this.#source[this.#at] === "|") {
      this.#at++;
      options.push(this.#parseSequence());
    }
    return options.length === 1 ? options[0]! : { kind: "choice", options };
  }

  #parseSequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at]!)) {
      parts.push(this.#parseRepeated());
    }
    return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
  }

  #parseRepeated(): Node {
    const body = this.#parseAtom();
    const found = this.#take(COUNTS);
    if (found === undefined) return body;
    const [, mark, written, comma, upper, lazy] = found;
    const least = mark === undefined ? Number(written) : mark === "+" ? 1 : 0;
    const most = mark === undefined
      ? comma === undefined ? least : upper === "" ? Infinity : Number(upper)
      : mark === "?"
      ? 1
      : Infinity;
    return { kind: "repeat", body, least, most, isGreedy: lazy === undefined };
  }

  #parseAtom(): Node {
    const letter = this.#source[this.#at]!;
    switch (letter) {
      case "^":
      case "$":
        this.#at++;
        return { kind: letter === "^" ? "start" : "end" };
      case "(":
        return this.#parseGroup();
      case "[":
        return this.#set(this.#take(CLASS)![0]);
      case "\\":
        return this.#parseEscape();
      default:
        this.#at++;
        return this.#set(/[a-z0-9.]/i.test(letter) ? letter : `\\u${hex(letter.charCodeAt(0))}`);
    }
  }

  #parseEscape(): Node {
    const escape = this.#take(ESCAPE)![0];
    if (escape === "\\b" || escape === "\\B") {
      return { kind: escape === "\\b" ? "boundary" : "no_boundary" };
    }
    if (/^\\[1-9k]/.test(escape)) throw this.#unknown();
    return this.#set(escape);
  }

  #parseGroup(): Node {
    const opening = this.#take(GROUP)![0];
    const body = this.#parseChoice();
    if (this.#source[this.#at] !== ")") throw this.#unknown();
    this.#at++;
    const look = /^\(\?(<?)([=!])$/.exec(opening);
    if (look === null) return body;
    return { kind: "look", isAhead: look[1] === "", isNegative: look[2] === "!", body };
  }

  #set(source: string): Node {
    return { kind: "set", set: new CharacterSet(source, this.#flags) };
  }
}

function hex(code: number): string {
  return code.toString(16).padStart(4, "0");
}
