import { expect, test } from 'vitest';

import { aWidget } from './testing/builders.ts';
import { createTransform, deepFreeze } from './transform.ts';

const entry = (manager: string, operation: string, subresource?: string): Record<string, unknown> => ({
  manager,
  operation,
  apiVersion: 'v1',
  time: '2026-01-01T00:00:00Z',
  fieldsType: 'FieldsV1',
  fieldsV1: { 'f:status': { 'f:phase': {} } },
  ...(subresource ? { subresource } : {}),
});

test('of managedFields only what our own managers applied is kept', () => {
  const transform = createTransform('kopr');
  const managedFields = [entry('kubectl', 'Update'), entry('kopr-build', 'Apply', 'status'), entry('kopr-x', 'Update')];
  const widget = transform(aWidget('a/b', { metadata: { managedFields } }));
  expect(widget.metadata.managedFields).toEqual([
    { manager: 'kopr-build', operation: 'Apply', subresource: 'status', fieldsV1: { 'f:status': { 'f:phase': {} } } },
  ]);
});

test('an object nobody of us applied carries none', () => {
  const widget = createTransform('kopr')(aWidget('a/b', { metadata: { managedFields: [entry('kubectl', 'Apply')] } }));
  expect('managedFields' in widget.metadata).toBe(false);
});

test('equal sets of fields are one object in memory', () => {
  const transform = createTransform('kopr');
  const fieldsOf = (): unknown => {
    const widget = transform(aWidget('a/b', { metadata: { managedFields: [entry('kopr-build', 'Apply')] } }));
    return (widget.metadata.managedFields as { fieldsV1: unknown }[])[0]?.fieldsV1;
  };
  expect(fieldsOf()).toBe(fieldsOf());
});

test('cached objects cannot be changed by accident', () => {
  const widget = createTransform('kopr')(aWidget('a/b', { spec: { list: [{ deep: 1 }] } }));
  expect(() => {
    widget.spec.size = 9;
  }).toThrow(TypeError);
  expect(() => {
    (widget.spec.list as { deep: number }[])[0] = { deep: 2 };
  }).toThrow(TypeError);
  expect(deepFreeze(null)).toBeNull();
});
