/** Label and field selectors, as far as kopr uses them: =, ==, !=, in, notin, exists, !exists. */
import type { KubeObject } from '../resource.ts';

export type Matcher = (object: KubeObject) => boolean;

export function labelMatcher(selector: string | undefined): Matcher {
  const terms = splitTerms(selector ?? '').map(labelTerm);
  return (object) => terms.every((term) => term(object.metadata.labels ?? {}));
}

export function fieldMatcher(selector: string | undefined): Matcher {
  const terms = splitTerms(selector ?? '').map((term) => {
    const [, path, operator, value] = /^([^!=]+)(==|=|!=)(.*)$/.exec(term) ?? [];
    if (path === undefined) throw new Error(`"${term}" is not a field selector`);
    return (object: KubeObject) => {
      const found = path
        .split('.')
        .reduce<unknown>((v, step) => (v as Record<string, unknown> | undefined)?.[step], object);
      const text = typeof found === 'string' ? found : JSON.stringify(found ?? '');
      const equal = (found === undefined ? '' : text) === value;
      return operator === '!=' ? !equal : equal;
    };
  });
  return (object) => terms.every((term) => term(object));
}

/** Splits at commas outside parentheses. */
function splitTerms(selector: string): string[] {
  return selector
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '');
}

function labelTerm(term: string): (labels: Record<string, string>) => boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term);
  if (set) {
    const [, name = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    return (labels) => values.includes(labels[name] ?? '\0') === (operator === 'in');
  }
  const equality = /^([^!=]+)(==|=|!=)(.*)$/.exec(term);
  if (equality) {
    const [, name = '', operator, value] = equality;
    return (labels) => (labels[name] === value) === (operator !== '!=');
  }
  if (term.startsWith('!')) return (labels) => labels[term.slice(1)] === undefined;
  return (labels) => labels[term] !== undefined;
}
