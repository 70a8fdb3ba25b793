import { describe, expect, it } from 'vitest';
import type { TaskManifest } from '../../../lib/protocol/publisher.ts';
import { ApiError } from '../api-error.ts';
import { planPlacement } from './place.ts';
import { planPublication } from './plan.ts';

function manifest(outcome: 'succeeded' | 'failed', ...names: string[]): TaskManifest {
  return {
    verdict: { outcome, reason: 'Whatever', message: 'whatever', exitCode: 0 },
    files: names.map((name) => ({ name, size: 1, sha256: 'a'.repeat(64) })),
  };
}

const names = (files: readonly { name: string }[]): string[] => files.map((file) => file.name).sort();

describe('what becomes of an upload', () => {
  it('is told by names: packages, logs and other files', () => {
    const plan = planPublication(
      manifest('succeeded', 'a.src.rpm', 'a.x86_64.rpm', 'build.log', 'root.log.gz', 'a.spec'),
      'binary',
    );
    expect(names(plan.packages)).toEqual(['a.src.rpm', 'a.x86_64.rpm']);
    expect(names(plan.logs)).toEqual(['build.log', 'root.log.gz']);
    expect(names(plan.others)).toEqual(['a.spec']);
  });

  it('leaves out what only the publisher may write', () => {
    const plan = planPublication(
      manifest('succeeded', 'success', 'results.json', 'build.info', 'builder-live.log', 'repodata'),
      'binary',
    );
    expect([plan.packages, plan.logs, plan.others]).toEqual([[], [], []]);
  });

  it('has each log once, plain before packed', () => {
    expect(names(planPublication(manifest('failed', 'build.log.gz', 'build.log', 'x.log.gz'), 'binary').logs)).toEqual([
      'build.log',
      'x.log.gz',
    ]);
  });

  it('is nothing but logs after a failure', () => {
    const plan = planPublication(manifest('failed', 'a.x86_64.rpm', 'build.log', 'a.spec'), 'binary');
    expect([names(plan.packages), names(plan.logs), names(plan.others)]).toEqual([[], ['build.log'], []]);
  });

  it.each([
    ['none', []],
    ['two', ['a.src.rpm', 'b.src.rpm']],
    ['a binary one', ['a.x86_64.rpm']],
    ['a binary one besides', ['a.src.rpm', 'a.x86_64.rpm']],
  ])('is refused when a source build gives %s', (_what, files) => {
    expect(() => planPublication(manifest('succeeded', ...files), 'source')).toThrow(ApiError);
  });

  it('is one source package from a source build', () => {
    expect(names(planPublication(manifest('succeeded', 'a.nosrc.rpm', 'a.spec'), 'source').packages)).toEqual([
      'a.nosrc.rpm',
    ]);
  });
});

describe('the content of a results directory', () => {
  it('becomes what is to be published, whatever was there', () => {
    const present = ['.task', 'success', 'prev_build_backup', 'old.rpm', 'same.rpm', 'builder-live.log', 'old.spec'];
    expect(planPlacement('00000001-a', present, ['same.rpm', 'new.rpm', 'builder-live.log.gz'])).toEqual({
      add: ['00000001-a/same.rpm', '00000001-a/new.rpm'],
      remove: ['00000001-a/old.rpm'],
      stale: ['old.rpm', 'builder-live.log', 'old.spec'],
    });
  });
});
