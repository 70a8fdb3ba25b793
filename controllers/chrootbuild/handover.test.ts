import { describe, expect, it } from 'vitest';
import type { Publication } from '../../lib/protocol/publisher.ts';
import type { Refusal } from '../shared/ask.ts';
import { aBinaryStage, ago, aSourceStage, aTicket, NOW } from '../testing/objects.ts';
import { planChrootBuild, unanswered } from './plan.ts';
import { ASSIGNED, aWorld, COMPLETE, GOOD, withBuilder } from './testing/worlds.ts';
import type { Facts } from './world.ts';

const PUBLISHED: Publication = { state: 'done', verdict: GOOD, packages: [], generation: 3 };

function no(code: string): Refusal {
  return { refused: { code, message: 'as the test wants it' } };
}

describe('a stage whose builder is over', () => {
  it('asks the publisher what came, and nothing else, when the builder has ended', () => {
    const plan = planChrootBuild(withBuilder({ phase: 'Ended' }), NOW);
    expect(plan).toEqual({ ask: 'task', closeTickets: [], notes: [] });
  });

  it('closes the ticket before it publishes, so that the place is free', () => {
    const plan = planChrootBuild(withBuilder({ phase: 'Ended' }, { facts: { task: COMPLETE } }), NOW);
    expect(plan.ask).toBe('publication');
    expect(plan.closeTickets).toHaveLength(1);
    expect(plan.status?.phase).toBe('Publishing');
  });

  it('polls while the publisher works', () => {
    const facts = { task: COMPLETE, publication: 'pending' } as const;
    const plan = planChrootBuild(withBuilder({ phase: 'Ended' }, { facts }), NOW);
    expect(plan.requeueAfterMs).toBeGreaterThan(0);
    expect(plan.ask).toBeUndefined();
  });

  it('succeeds with the packages when they are in the repository', () => {
    const packages = [{ name: 'hello', epoch: 0, version: '2.12', release: '1', arch: 'x86_64' }];
    const facts = { task: COMPLETE, publication: { ...PUBLISHED, packages } };
    const { status, notes } = planChrootBuild(withBuilder({ phase: 'Ended' }, { facts }), NOW);
    expect(status).toMatchObject({ phase: 'Succeeded', state: 'succeeded', repoGeneration: 3, packages });
    expect(notes).toMatchObject([{ type: 'Normal', reason: 'Published' }]);
  });

  it('goes on publishing although its Builder object is gone already', () => {
    const ticket = aTicket('t', { closed: true }, ASSIGNED);
    const plan = planChrootBuild(aWorld({ tickets: [ticket], facts: { task: COMPLETE } }), NOW);
    expect(plan.ask).toBe('publication');
  });

  it('imports the source package before the source stage succeeds', () => {
    const srpm = { path: 'demo/hello/srpm-builds/00000007/hello-2.12-1.src.rpm', sha256: 'a'.repeat(64), size: 9 };
    const facts = { task: COMPLETE, publication: { ...PUBLISHED, srpm } };
    const world = withBuilder({ phase: 'Ended' }, { chrootBuild: aSourceStage(), facts });
    expect(planChrootBuild(world, NOW)).toMatchObject({
      ask: 'imported',
      status: { phase: 'Importing', state: 'importing', srpm },
    });
    const imported = {
      state: 'done',
      package: { name: 'hello', epoch: 1, version: '2.12', release: '1' },
      repo: 'demo/hello/hello',
      branches: { 'pebble-13': 'b'.repeat(40) },
      exclusiveArch: [],
      excludeArch: [],
      buildArchs: [],
    } as const;
    const done = planChrootBuild(
      { ...world, facts: { ...facts, imported: { ...imported, exclusiveArch: [], excludeArch: [], buildArchs: [] } } },
      NOW,
    );
    expect(done.status).toMatchObject({ phase: 'Succeeded', imported: { name: 'hello', version: '1:2.12-1' } });
  });

  it.each<{ title: string; facts: Facts; reason: string }>([
    {
      title: 'the build',
      facts: {
        task: COMPLETE,
        publication: {
          ...PUBLISHED,
          verdict: { outcome: 'failed', reason: 'BuildFailed', message: 'no rule', exitCode: 1 },
        },
      },
      reason: 'BuildFailed',
    },
    { title: 'the publisher', facts: { task: COMPLETE, publication: no('BadPackage') }, reason: 'BadPackage' },
    { title: 'another build', facts: { task: COMPLETE, publication: no('DirectoryInUse') }, reason: 'DirectoryInUse' },
    { title: 'a deletion', facts: { task: COMPLETE, publication: no('ProjectDeleted') }, reason: 'ProjectDeleted' },
    { title: 'a publisher that takes no question', facts: { task: no('InvalidRequest') }, reason: 'InvalidRequest' },
  ])('fails with the words of $title', ({ facts, reason }) => {
    const { status } = planChrootBuild(withBuilder({ phase: 'Ended' }, { facts }), NOW);
    expect(status).toMatchObject({ phase: 'Failed', state: 'failed', reason });
  });

  it('says which service it waits for, without losing its place', () => {
    const world = withBuilder({ phase: 'Ended', endedAt: ago(9) });
    const { status } = unanswered(world, 'task', 'connect ECONNREFUSED', NOW);
    expect(status).toMatchObject({ phase: 'Running', reason: 'ServiceUnavailable', builtAt: ago(9) });
    expect(status?.message).toContain('waits for the publisher');
  });

  it.each([
    { question: 'task', shown: 'Running', phase: 'Running' },
    { question: 'publication', shown: 'Running', phase: 'Publishing' },
    { question: 'publication', shown: 'Importing', phase: 'Importing' },
    { question: 'imported', shown: 'Publishing', phase: 'Importing' },
  ] as const)('is $phase when there is no answer to $question, though the world shows $shown', (entry) => {
    const world = withBuilder({ phase: 'Ended' }, { chrootBuild: aSourceStage({ phase: entry.shown }) });
    expect(unanswered(world, entry.question, 'reset', NOW).status?.phase).toBe(entry.phase);
  });

  it.each([
    { waited: 0, pause: 500 },
    { waited: 20, pause: 5_000 },
    { waited: 3600, pause: 30_000 },
  ])('asks again after $pause ms when it has waited for $waited s', ({ waited, pause }) => {
    const world = withBuilder({ phase: 'Ended', endedAt: ago(waited) });
    expect(unanswered(world, 'publication', 'reset', NOW).requeueAfterMs).toBe(pause);
  });

  it('gives up on services that do not take over for six hours, with their last words', () => {
    const stage = aBinaryStage('pebble-13-x86_64', { builtAt: ago(6 * 3600 + 1), message: 'waits for the publisher' });
    const ticket = aTicket('t', { closed: true }, ASSIGNED);
    const { status } = planChrootBuild(aWorld({ chrootBuild: stage, tickets: [ticket] }), NOW);
    expect(status).toMatchObject({ phase: 'Failed', reason: 'ServicesTimedOut' });
    expect(status?.message).toContain('waits for the publisher');
  });

  it('counts the six hours from the first time it was in vain when nobody saw the builder end', () => {
    const world = aWorld({ tickets: [aTicket('t', { closed: true }, ASSIGNED)] });
    expect(unanswered(world, 'task', 'reset', NOW).status).toMatchObject({ phase: 'Running', builtAt: ago(0) });
    const facts = { task: COMPLETE, publication: 'pending' } as const;
    expect(planChrootBuild({ ...world, facts }, NOW).status).toMatchObject({ phase: 'Publishing', builtAt: ago(0) });
  });

  it.each(['Publishing', 'Importing'] as const)('is not cancelled once it is %s: the publisher goes on', (phase) => {
    const stage = aSourceStage({ phase });
    const chrootBuild = { ...stage, spec: { ...stage.spec, cancelled: true } };
    const plan = planChrootBuild(withBuilder({ phase: 'Ended' }, { chrootBuild, facts: { task: COMPLETE } }), NOW);
    expect(plan.ask).toBe('publication');
    expect(plan.status?.phase).not.toBe('Cancelled');
  });

  it('is not shown as publishing again with every look at its import', () => {
    const chrootBuild = aSourceStage({ phase: 'Importing' });
    const plan = planChrootBuild(withBuilder({ phase: 'Ended' }, { chrootBuild, facts: { task: COMPLETE } }), NOW);
    expect(plan).toMatchObject({ ask: 'publication' });
    expect(plan.status).toBeUndefined();
  });
});
