import { expect, test } from 'vitest';

import { mergeRules } from './rbac.ts';

test('rules are split by resource, verbs united, and the order does not depend on who declared first', () => {
  const a = { group: '', resources: ['pods', 'secrets'], verbs: ['list', 'get'], scope: 'builds' } as const;
  const b = { group: '', resources: ['pods'], verbs: ['watch', 'get'], scope: 'builds' } as const;
  const c = { group: 'kopr.dev', resources: ['builds/status'], verbs: ['patch'], scope: 'cluster' } as const;
  const copy = (rule: typeof a | typeof b | typeof c) => ({
    ...rule,
    resources: [...rule.resources],
    verbs: [...rule.verbs],
  });
  const merged = mergeRules([copy(a), copy(b), copy(c)]);
  expect(merged).toEqual([
    { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch'], scope: 'builds' },
    { group: '', resources: ['secrets'], verbs: ['get', 'list'], scope: 'builds' },
    { group: 'kopr.dev', resources: ['builds/status'], verbs: ['patch'], scope: 'cluster' },
  ]);
  expect(mergeRules([copy(c), copy(b), copy(a)])).toEqual(merged);
});

test('verbs for objects of a name stay apart from verbs for all objects', () => {
  const named = { group: '', resources: ['configmaps'], resourceNames: ['b', 'a'], scope: 'release' } as const;
  const copy = (verbs: string[]) => ({ ...named, resources: ['configmaps'], resourceNames: ['b', 'a'], verbs });
  const all = { group: '', resources: ['configmaps'], verbs: ['create'], scope: 'release' as const };
  expect(mergeRules([copy(['patch']), all, copy(['get'])])).toEqual([
    all,
    { group: '', resources: ['configmaps'], verbs: ['get', 'patch'], resourceNames: ['a', 'b'], scope: 'release' },
  ]);
});
