import { TerminalError } from '../../lib/errors.ts';

/**
 * Every part of a path or ref below comes from a request or a stranger's SRPM. A part that passes here is one plain
 * path component: no separator, no leading dot or dash, nothing a shell, git or a URL would read as more than a name.
 */
const RULES = {
  owner: /^@?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  // Copr's extra directories are `project:pr:17`.
  project: /^[A-Za-z0-9_][A-Za-z0-9._+:-]{0,127}$/,
  package: /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}$/,
  branch: /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
} as const;

export type NameKind = keyof typeof RULES;

export function isName(kind: NameKind, text: string): boolean {
  if (!RULES[kind].test(text)) return false;
  // The suffix is optional in clone URLs: a package of that name could not be told from another one.
  if (kind === 'package') return !text.endsWith('.git');
  // Rules of git for refs: its lock files end so, and two dots are a range.
  if (kind === 'branch') return !text.includes('..') && !text.endsWith('.lock') && !text.endsWith('.');
  return true;
}

/** Rejects with TerminalError `InvalidName`. */
export function checkName(kind: NameKind, text: string): string {
  if (isName(kind, text)) return text;
  const shown = JSON.stringify(text.slice(0, 120));
  throw new TerminalError('InvalidName', `${shown} is not a usable ${kind} name; use letters, digits, "." and "-"`);
}
