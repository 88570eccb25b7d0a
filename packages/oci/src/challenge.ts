/** One way in which a registry lets itself be convinced (RFC 9110, 11.6.1). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** By name in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_LENGTH = 8_192;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const SPACE = /[ \t]*/y;

/**
 * Reads a WWW-Authenticate header. What cannot be read ends the list: a registry that writes nonsense has asked for
 * nothing. Linear in the text.
 */
export function parseChallenges(text: string): readonly Challenge[] {
  if (text.length > MAX_LENGTH) return [];
  const challenges: Challenge[] = [];
  const reader = new Reader(text);
  let scheme = reader.token();
  while (scheme !== undefined) {
    const parameters = new Map<string, string>();
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
    scheme = undefined;
    for (;;) {
      reader.commas();
      const name = reader.token();
      if (name === undefined) break;
      if (!reader.accept("=")) {
        // A name with nothing after it begins the next challenge.
        scheme = name;
        break;
      }
      const value = reader.value();
      if (value === undefined) return challenges;
      if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
    }
  }
  return challenges;
}

class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  token(): string | undefined {
    this.match(SPACE);
    return this.match(TOKEN);
  }

  commas(): void {
    do this.match(SPACE);
    while (this.acceptHere(","));
  }

  accept(character: string): boolean {
    this.match(SPACE);
    return this.acceptHere(character);
  }

  /** A token or a quoted string. */
  value(): string | undefined {
    this.match(SPACE);
    if (!this.acceptHere('"')) return this.match(TOKEN);
    let value = "";
    for (; this.at < this.text.length; this.at += 1) {
      const character = this.text.charAt(this.at);
      if (character === '"') {
        this.at += 1;
        return value;
      }
      if (character === "\\") this.at += 1;
      value += this.text.charAt(this.at);
    }
    return undefined;
  }

  private acceptHere(character: string): boolean {
    if (this.text.charAt(this.at) !== character) return false;
    this.at += 1;
    return true;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) return undefined;
    this.at += found.length;
    return found;
  }
}
