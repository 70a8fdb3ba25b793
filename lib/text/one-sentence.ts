/**
 * Fits words from outside (a build's verdict, a service's error, a compiler's message) into one line of a condition, an
 * event or a log: at most `max` UTF-16 code units, the unit in which the schemas count. Control and format characters go,
 * since the latter can turn the direction of a line round, and so do the line ends that only Unicode knows.
 */
export function oneSentence(text: string, max = 1024): string {
  const line = text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .toWellFormed();
  if (line.length <= max) return line;
  if (max < 1) return '';
  const end = max - 1;
  // Half of a surrogate pair is no character: what stores the sentence would refuse it or write a replacement.
  return `${line.slice(0, isLowSurrogate(line.charCodeAt(end)) ? end - 1 : end)}…`;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
