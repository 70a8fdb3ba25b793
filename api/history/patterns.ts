/** Names of chroots, exactly or as patterns of the shell: `fedora-*`, `pebble-1?-x86_64`, `*-[ax]*`. */

/**
 * `*`, `?` and `[…]` (`[!…]`) as in the shell. Time grows with the product of the lengths at most, whatever the pattern
 * is: a regular expression made of it could take for ever.
 */
export function matches(pattern: string, name: string): boolean {
  const parts = parse(pattern);
  let [p, n] = [0, 0];
  let [star, mark] = [-1, 0];
  while (n < name.length) {
    const part = parts[p];
    if (part === '*') {
      star = p;
      mark = n;
      p += 1;
    } else if (part?.(name.charAt(n)) === true) {
      p += 1;
      n += 1;
    } else if (star >= 0) {
      // The last star takes one character more. Those before it need not be tried again.
      mark += 1;
      p = star + 1;
      n = mark;
    } else {
      return false;
    }
  }
  while (parts[p] === '*') p += 1;
  return p === parts.length;
}

type Part = '*' | ((character: string) => boolean);

function parse(pattern: string): Part[] {
  const parts: Part[] = [];
  for (let i = 0; i < pattern.length; i += 1) {
    const character = pattern.charAt(i);
    const end = character === '[' ? pattern.indexOf(']', i + (pattern.charAt(i + 1) === '!' ? 3 : 2)) : -1;
    if (character === '*') {
      if (parts.at(-1) !== '*') parts.push('*');
    } else if (character === '?') {
      parts.push(() => true);
    } else if (end > 0) {
      parts.push(set(pattern.slice(i + 1, end)));
      i = end;
    } else {
      parts.push((other) => other === character);
    }
  }
  return parts;
}

function set(inside: string): (character: string) => boolean {
  const negated = inside.startsWith('!');
  const members = negated ? inside.slice(1) : inside;
  return (character) => {
    for (let i = 0; i < members.length; i += 1) {
      const last = members.charAt(i + 1) === '-' && i + 2 < members.length ? members.charAt(i + 2) : members.charAt(i);
      if (character >= members.charAt(i) && character <= last) return !negated;
      if (last !== members.charAt(i)) i += 2;
    }
    return negated;
  };
}

export interface ChrootChoice {
  chroots?: readonly string[] | undefined;
  exclude?: readonly string[] | undefined;
}

export type Chosen =
  /** `chroots` undefined: nothing was asked for, the build goes to all of them. */
  | { chroots: string[] | undefined }
  /** By field, in the words of a form error. */
  | { problems: Readonly<Record<string, string[]>> };

/** The chroots a build was asked for, in the order of the project. Every name and pattern must match something. */
export function chooseChroots(active: readonly string[], { chroots = [], exclude = [] }: ChrootChoice): Chosen {
  const problems: Record<string, string[]> = {};
  for (const [field, patterns] of [
    ['chroots', chroots],
    ['exclude_chroots', exclude],
  ] as const) {
    const wrong = patterns.filter((pattern) => !active.some((chroot) => matches(pattern, chroot)));
    if (wrong.length > 0) problems[field] = wrong.map((pattern) => notAChoice(pattern, active));
  }
  if (Object.keys(problems).length > 0) return { problems };
  if (chroots.length === 0 && exclude.length === 0) return { chroots: undefined };
  const chosen = active.filter(
    (chroot) =>
      (chroots.length === 0 || chroots.some((pattern) => matches(pattern, chroot))) &&
      !exclude.some((pattern) => matches(pattern, chroot)),
  );
  if (chosen.length > 0) return { chroots: chosen };
  return { problems: { exclude_chroots: ['leaves no chroot to build in; exclude fewer of them'] } };
}

function notAChoice(pattern: string, active: readonly string[]): string {
  const shown = pattern.length > 100 ? `${pattern.slice(0, 100)}…` : pattern;
  return `"${shown}" is not a valid choice for this field; active chroots of the project are ${active.join(', ')}`;
}

/** Where a package is built by default. A denylist that matches everything counts as none. */
export function packageChroots(active: readonly string[], denylist: readonly string[] = []): string[] {
  const left = active.filter((chroot) => !denylist.some((pattern) => matches(pattern, chroot)));
  return left.length > 0 ? left : [...active];
}

const DENIED = /^[a-z0-9*.+_-]+$/;

/** What is wrong with a denylist, or nothing. */
export function denylistProblem(denylist: readonly string[], active: readonly string[]): string | undefined {
  for (const pattern of denylist) {
    if (pattern.length > 100 || !DENIED.test(pattern))
      return `"${pattern.slice(0, 100)}" must be a chroot or a pattern of chroots: small letters, digits and - _ . + *`;
    if (!active.some((chroot) => matches(pattern, chroot)))
      return `"${pattern}" matches no active chroot of the project (${active.join(', ')})`;
  }
  if (denylist.length > 0 && active.every((chroot) => denylist.some((pattern) => matches(pattern, chroot))))
    return 'matches every active chroot of the project; leave one to build in';
  return undefined;
}
