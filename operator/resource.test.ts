import { expect, test } from 'vitest';

import { Namespaces, Pods } from './core.ts';
import {
  apiVersionOf,
  controllerOf,
  groupOf,
  keyOf,
  ownerReference,
  parseKey,
  resourcePath,
  typeName,
} from './resource.ts';
import { aWidget, Gadgets, Widgets } from './testing/builders.ts';

test.each([
  [{ name: 'w', namespace: 'demo' }, 'demo/w'],
  [{ name: 'w' }, 'w'],
])('the key of %j is %s, and back', (metadata, key) => {
  expect(keyOf({ metadata })).toBe(key);
  expect(parseKey(key)).toEqual(metadata);
});

test.each([
  [resourcePath(Pods), '/api/v1/pods'],
  [resourcePath(Pods, { namespace: 'a', name: 'p', subresource: 'log' }), '/api/v1/namespaces/a/pods/p/log'],
  [resourcePath(Widgets, { namespace: 'a' }), '/apis/test.kopr.dev/v1/namespaces/a/widgets'],
  [resourcePath(Gadgets, { namespace: 'ignored', name: 'g' }), '/apis/test.kopr.dev/v1/gadgets/g'],
  [resourcePath(Namespaces, { name: '../nodes' }), '/api/v1/namespaces/..%2Fnodes'],
])('%s', (path, expected) => {
  expect(path).toBe(expected);
});

test('names of types are those of kubectl', () => {
  expect([typeName(Pods), typeName(Widgets)]).toEqual(['pods', 'widgets.test.kopr.dev']);
  expect([apiVersionOf(Pods), apiVersionOf(Widgets)]).toEqual(['v1', 'test.kopr.dev/v1']);
  expect([groupOf('v1'), groupOf('apps/v1')]).toEqual(['', 'apps']);
});

test('an owner reference needs an owner that exists', () => {
  expect(() => ownerReference(aWidget('a/b'), { controller: true })).toThrow('Widget a/b has no uid');
  const reference = ownerReference(aWidget('a/b', { metadata: { uid: 'u' } }), { controller: true });
  expect(reference).toEqual({
    apiVersion: 'test.kopr.dev/v1',
    kind: 'Widget',
    name: 'b',
    uid: 'u',
    controller: true,
    blockOwnerDeletion: true,
  });
  const other = { ...reference, controller: false, uid: 'v' };
  expect(controllerOf(aWidget('a/c', { metadata: { ownerReferences: [other, reference] } }))).toBe(reference);
  expect(controllerOf(aWidget('a/c', { metadata: { ownerReferences: [other] } }))).toBeUndefined();
});
