import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Job, Pod } from '../../operator/core.ts';
import { ago, NOW } from '../testing/objects.ts';
import { jobOutcome, podsOf } from './outcome.ts';
import { lastWords, outputOf, reportIn } from './output.ts';

describe('the log of a hook', () => {
  const log = 'making it\n\n---- output of the hook ----\n10.0.0.7\n';

  it('has the output after the mark', () => {
    expect(outputOf(log)).toBe('10.0.0.7\n');
    expect(outputOf('\n---- output of the hook ----\n')).toBe('');
  });

  it('without a mark on a line of its own has none', () => {
    expect(outputOf('making it\n')).toBeUndefined();
    expect(outputOf('x ---- output of the hook ----\n10.0.0.7\n')).toBeUndefined();
  });

  it('gives its last 200 characters to events, and never the output', () => {
    expect(lastWords(log)).toBe('making it');
    expect(lastWords(`${'x'.repeat(500)}\nquota exceeded\n`)).toMatch(/^…x+ quota exceeded$/);
    expect(lastWords('y'.repeat(500))).toHaveLength(200);
  });

  it('ends with the report of a program of ours, whatever is said around it', () => {
    const schema = z.strictObject({ a: z.number() });
    expect(reportIn('connects\n{"a":1}\n{"a":2}\nbye\n{"level":30,"msg":"over"}\n{half\n', schema)).toEqual({ a: 2 });
    expect(reportIn('nothing\n{"level":30}\n', schema)).toBeUndefined();
  });
});

describe('the outcome of a Job', () => {
  function aJob(conditions: NonNullable<Job['status']>['conditions'] = [], startTime?: string): Job {
    return {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'j', namespace: 'b', uid: 'u', creationTimestamp: ago(100) },
      spec: { activeDeadlineSeconds: 90, template: { spec: { containers: [] } } },
      status: { conditions, ...(startTime === undefined ? {} : { startTime }) },
    };
  }
  function aPod(state: object, more: object = {}): Pod {
    const containerStatuses = [{ name: 'hook', ready: false, restartCount: 0, state }];
    const ownerReferences = [{ apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'u', controller: true }];
    const metadata = { name: 'p', namespace: 'b', ownerReferences };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { containers: [] },
      status: { containerStatuses, ...more },
    };
  }

  it.each([
    ['completes', aJob([{ type: 'Complete', status: 'True' }]), [], { state: 'succeeded' }],
    [
      'fails with an exit code',
      aJob([{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }]),
      [aPod({ terminated: { exitCode: 3 } })],
      { state: 'failed', reason: 'Failed', message: 'ended with exit code 3', exitCode: 3 },
    ],
    [
      'fails and whose pod is gone',
      aJob([{ type: 'Failed', status: 'True', message: 'no pod' }]),
      [],
      { state: 'failed', message: 'no pod' },
    ],
    [
      'is ended by the Job controller',
      aJob([{ type: 'Failed', status: 'True', reason: 'DeadlineExceeded' }]),
      [],
      { state: 'failed', reason: 'TimedOut', message: 'did not end within 90 s' },
    ],
    ['runs', aJob(), [aPod({ running: {} })], { state: 'running', deadline: NOW + 50_000, message: 'runs' }],
    ['runs since it started', aJob([], ago(40)), [], { state: 'running', deadline: NOW + 110_000 }],
    [
      'cannot get its image',
      aJob(),
      [aPod({ waiting: { reason: 'ErrImagePull', message: 'not found' } })],
      { state: 'running', message: 'ErrImagePull: not found' },
    ],
    ['nobody ends in time', aJob([], ago(150)), [], { state: 'failed', reason: 'TimedOut' }],
    ['is about to fail', aJob([{ type: 'FailureTarget', status: 'True' }]), [], { state: 'running' }],
  ])('of one that %s', (_what, job, pods, outcome) => {
    expect(jobOutcome(job, pods, NOW)).toMatchObject(outcome);
  });

  it('is judged by its own pods alone', () => {
    const own = aPod({});
    const other = aPod({});
    other.metadata.ownerReferences = [];
    expect(podsOf(aJob(), [other, own])).toEqual([own]);
  });
});
