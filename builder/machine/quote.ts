/**
 * One word of a POSIX shell's command line, whatever it holds. A NUL cannot be in a word: it would end the command, so
 * it is refused.
 */
export function quote(word: string): string {
  if (word.includes('\0')) throw new Error('a NUL character cannot be part of a command');
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command line that runs a program with exactly these arguments. The only way in which one is made. */
export function commandLine(words: readonly string[]): string {
  return words.map(quote).join(' ');
}
