import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { parseOwnerTemplate } from './owner-template.ts';
import { namespaceNameFor } from './owners.ts';

test('every owner gets a name that a namespace can have, and no two the same', () => {
  const owner = fc.stringMatching(/^@?[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/);
  fc.assert(
    fc.property(owner, owner, (a, b) => {
      expect(namespaceNameFor(a)).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
      // Names that begin with "owner-" are refused before.
      fc.pre(![a, b].some((name) => name.startsWith('owner-')));
      if (a !== b) expect(namespaceNameFor(a)).not.toBe(namespaceNameFor(b));
    }),
  );
  expect(namespaceNameFor('alice')).toBe('alice');
  expect(namespaceNameFor('Alice')).toMatch(/^owner-alice-[0-9a-f]{10}$/);
  expect(namespaceNameFor('@alice')).not.toBe(namespaceNameFor('Alice'));
});

test('the template that the chart ships is one', () => {
  const values = parse(readFileSync(join(import.meta.dirname, '../../charts/kopr/values.yaml'), 'utf8')) as {
    owners: { template: unknown };
  };
  const kinds = parseOwnerTemplate(stringify(values.owners.template)).map(({ type }) => type.kind);
  expect(kinds).toEqual(['ResourceQuota', 'LimitRange', 'NetworkPolicy', 'BuildQuota']);
});

test.each([
  ['- {', /no YAML/],
  ['a: b', /must be a list of objects/],
  ['- {apiVersion: v1, kind: Pod, metadata: {name: x}}', /has a Pod of v1; kopr makes no others than ResourceQuota/],
  ['- {apiVersion: v2, kind: ResourceQuota, metadata: {name: x}}', /has a ResourceQuota of v2/],
  ['- {apiVersion: v1, kind: ResourceQuota, metadata: {}}', /metadata.name/],
])('a template such as %j is refused', (text, message) => {
  expect(() => parseOwnerTemplate(text)).toThrow(message);
});

test('an empty template is none, and a namespace in it does not count', () => {
  expect(parseOwnerTemplate('')).toEqual([]);
  const [object] = parseOwnerTemplate(
    '- {apiVersion: v1, kind: LimitRange, metadata: {name: x, namespace: kube-system}}',
  );
  expect(object?.object.metadata).toEqual({ name: 'x' });
});
