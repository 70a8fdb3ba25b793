import { expect, test } from 'vitest';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import { aWidget, Widgets } from './builders.ts';
import { FakeStorage } from './fakeStorage.ts';

test('a restored server refuses watches from before its backup and counts on from it', () => {
  const storage = new FakeStorage(new FakeClock());
  storage.create(Widgets, aWidget('demo/a'));
  const backup = storage.snapshot();
  storage.create(Widgets, aWidget('demo/b'));
  storage.restore(backup);
  expect(storage.since(backup.version - 1)).toBeUndefined();
  expect(storage.since(backup.version)).toEqual([]);
  storage.create(Widgets, aWidget('demo/c'));
  expect(storage.since(backup.version)?.map(({ version, type }) => [version, type])).toEqual([
    [backup.version + 1, 'ADDED'],
  ]);
});
