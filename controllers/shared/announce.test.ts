import { describe, expect, it } from 'vitest';
import type { Condition } from '../../operator/conditions.ts';
import { recordingLog } from '../../operator/testing/harness.ts';
import { aBinaryStage } from '../testing/objects.ts';
import { announce, readyNote } from './announce.ts';
import { normal, warning } from './notes.ts';

function ready(status: Condition['status'], reason: string, message = ''): { conditions: Condition[] } {
  return { conditions: [{ type: 'Ready', status, reason, message, lastTransitionTime: '2026-11-24T12:00:00Z' }] };
}

describe('readyNote', () => {
  it.each([
    { title: 'becomes ready', before: ready('False', 'Broken'), after: ready('True', 'Ready'), type: 'Normal' },
    { title: 'is told of first', before: undefined, after: ready('True', 'Ready'), type: 'Normal' },
    { title: 'breaks', before: ready('True', 'Ready'), after: ready('False', 'Broken'), type: 'Warning' },
    { title: 'breaks otherwise', before: ready('False', 'Old'), after: ready('False', 'Broken'), type: 'Warning' },
    { title: 'is being made', before: undefined, after: ready('False', 'Creating'), type: 'Normal' },
  ])('is $type when it $title', ({ before, after, type }) => {
    expect(readyNote(before, after, ['Creating'])).toMatchObject([{ type, reason: after.conditions[0]?.reason }]);
  });

  it.each([
    { title: 'only the message is another', before: ready('False', 'A', '1 of 2'), after: ready('False', 'A', '2') },
    { title: 'there is no condition', before: undefined, after: {} },
  ])('is silent when $title', ({ before, after }) => {
    expect(readyNote(before, after)).toEqual([]);
  });
});

describe('announce', () => {
  it('says each note once in the log, under the name of the kind, and once as an event', () => {
    const { log, records } = recordingLog();
    const events: unknown[] = [];
    const stage = aBinaryStage('pebble-13-x86_64');
    const notes = [normal('Published', 'done'), warning('BuilderLost', 'gone')];
    announce({ log, events: { event: (...args) => void events.push(args) } }, stage, 'stage moved on', notes);
    expect(records).toMatchObject([
      { chrootBuild: 'demo/hello-1.pebble-13-x86-64', reason: 'Published', note: 'done', msg: 'stage moved on' },
      { chrootBuild: 'demo/hello-1.pebble-13-x86-64', reason: 'BuilderLost', note: 'gone', msg: 'stage moved on' },
    ]);
    expect(events).toEqual([
      [stage, 'Normal', 'Published', 'done'],
      [stage, 'Warning', 'BuilderLost', 'gone'],
    ]);
  });
});
