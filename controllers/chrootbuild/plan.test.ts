import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import type { Publication, TaskState } from '../../lib/protocol/publisher.ts';
import { aBinaryStage, aBuilder, aChroot, ago, aSourceStage, aTicket, endedAs, NOW } from '../testing/objects.ts';
import { MAX_ATTEMPTS, planChrootBuild, unanswered } from './plan.ts';
import type { ChrootBuildWorld, Facts } from './world.ts';

const URLS = { results: 'http://results.example/results', resultsInternal: 'http://kopr-results:5002/results' };
const GOOD = { outcome: 'succeeded', reason: 'Succeeded', message: 'built', exitCode: 0 } as const;
const PUBLISHED: Publication = { state: 'done', verdict: GOOD, packages: [], generation: 3 };
const ASSIGNED = { phase: 'Assigned', pool: 'default', builder: 'default-t', assignedAt: ago(3) } as const;
const COMPLETE: TaskState = { state: 'complete', manifest: { verdict: GOOD, files: [] } };

function aWorld(more: Partial<ChrootBuildWorld> = {}): ChrootBuildWorld {
  return {
    chrootBuild: aBinaryStage('pebble-13-x86_64'),
    tickets: [],
    builder: undefined,
    chroot: aChroot('pebble-13-x86_64'),
    facts: {},
    urls: URLS,
    ...more,
  };
}

/** A world in which the attempt's builder is in `phase`. */
function withBuilder(
  status: NonNullable<Builder['status']>,
  more: Partial<ChrootBuildWorld> = {},
  attempt = 1,
): ChrootBuildWorld {
  const ticket = aTicket(`t.${attempt}`, { attempt }, ASSIGNED);
  return aWorld({ tickets: [ticket], builder: aBuilder(ticket, status), ...more });
}

describe('planChrootBuild', () => {
  it('takes its first ticket with the architecture and tags of its chroot', () => {
    const plan = planChrootBuild(aWorld({ chroot: aChroot('pebble-13-x86_64', { tags: ['big'] }) }), NOW);
    expect(plan.takeTicket).toMatchObject({
      metadata: { name: 'hello-1.pebble-13-x86-64.1' },
      spec: { attempt: 1, architecture: 'x86_64', tags: ['big'], sandbox: 'demo/hello', priority: 0 },
    });
    expect(plan.status).toMatchObject({ phase: 'Waiting', state: 'pending', queuedAt: '2026-11-24T12:00:00Z' });
  });

  it.each([
    { stage: aSourceStage(), priority: 1000 },
    { stage: aBinaryStage('pebble-13-x86_64'), priority: 0 },
    { stage: background(aSourceStage()), priority: -99000 },
    { stage: background(aBinaryStage('pebble-13-x86_64')), priority: -100000 },
  ])('asks with priority $priority: source before binary, background last', ({ stage, priority }) => {
    expect(planChrootBuild(aWorld({ chrootBuild: stage }), NOW).takeTicket?.spec.priority).toBe(priority);
  });

  it('shows why it waits and where it stands', () => {
    const ticket = aTicket('t', {}, { phase: 'Waiting', reason: 'PoolFull', message: 'all busy', position: 4 });
    const { status } = planChrootBuild(aWorld({ tickets: [ticket] }), NOW);
    expect(status).toMatchObject({ phase: 'Waiting', reason: 'PoolFull', message: 'all busy', queuePosition: 4 });
  });

  it('knows where its log is as soon as it runs', () => {
    const { status } = planChrootBuild(withBuilder({ phase: 'Running', startedAt: ago(1), node: 'n1' }), NOW);
    expect(status).toMatchObject({ phase: 'Running', state: 'running', runningAt: ago(1), attempt: 1 });
    expect(status?.logURL).toBe(
      'http://results.example/results/demo/hello/pebble-13-x86_64/00000007-hello/builder-live.log',
    );
  });

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
    {
      title: 'the publisher',
      facts: { task: COMPLETE, publication: { refused: { code: 'BadPackage', message: 'wrong arch' } } },
      reason: 'BadPackage',
    },
  ])('fails with the words of $title', ({ facts, reason }) => {
    const { status } = planChrootBuild(withBuilder({ phase: 'Ended' }, { facts }), NOW);
    expect(status).toMatchObject({ phase: 'Failed', state: 'failed', reason });
  });

  it('takes the next ticket when its builder is lost and closes the old one', () => {
    const world = withBuilder(
      { phase: 'Lost', reason: 'PodVanished', message: 'its node is gone' },
      { facts: { task: { state: 'none' } } },
    );
    const plan = planChrootBuild(world, NOW);
    expect(plan.takeTicket?.spec.attempt).toBe(2);
    expect(plan.closeTickets.map((ticket) => ticket.spec.attempt)).toEqual([1]);
    expect(plan.notes).toMatchObject([{ type: 'Warning', reason: 'BuilderLost' }]);
  });

  it('publishes what a lost builder had sent completely', () => {
    const plan = planChrootBuild(
      withBuilder({ phase: 'Lost', reason: 'PodVanished' }, { facts: { task: COMPLETE } }),
      NOW,
    );
    expect(plan.ask).toBe('publication');
    expect(plan.takeTicket).toBeUndefined();
  });

  it('says of a builder that ended without results just that', () => {
    const plan = planChrootBuild(withBuilder({ phase: 'Ended' }, { facts: { task: { state: 'receiving' } } }), NOW);
    expect(plan.takeTicket?.spec.attempt).toBe(2);
    expect(plan.notes[0]?.message).toContain('its results never arrived');
  });

  it('closes an earlier ticket that a crash left open, whatever else it does', () => {
    const [first, second] = [aTicket('t.1', { attempt: 1 }, ASSIGNED), aTicket('t.2', { attempt: 2 })];
    const plan = planChrootBuild(aWorld({ tickets: [second, first] }), NOW);
    expect(plan.closeTickets.map(({ metadata }) => metadata.name)).toEqual(['t.1']);
    expect(plan.status).toMatchObject({ phase: 'Waiting', attempt: 2 });
  });

  it('gives up after the last attempt', () => {
    const world = withBuilder(
      { phase: 'Lost', reason: 'Evicted', message: 'node drained' },
      { facts: { task: { state: 'receiving' } } },
      MAX_ATTEMPTS,
    );
    const { status } = planChrootBuild(world, NOW);
    expect(status).toMatchObject({
      phase: 'Failed',
      reason: 'BuilderLost',
      message: 'lost 3 builders, the last one because: node drained',
    });
  });

  it.each(['OutOfMemory', 'TimedOut', 'DiskFull', 'PodRefused'])('does not retry after %s', (reason) => {
    const plan = planChrootBuild(withBuilder({ phase: 'Lost', reason }, { facts: { task: { state: 'none' } } }), NOW);
    expect(plan.takeTicket).toBeUndefined();
    expect(plan.status).toMatchObject({ phase: 'Failed', reason });
  });

  it('waits half a minute for the Builder of an assigned ticket, then takes it for lost', () => {
    const soon = aWorld({ tickets: [aTicket('t', {}, ASSIGNED)] });
    expect(planChrootBuild(soon, NOW)).toMatchObject({ status: { phase: 'Starting' }, requeueAfterMs: 28_000 });
    const late = aWorld({ tickets: [aTicket('t', {}, { ...ASSIGNED, assignedAt: ago(31) })] });
    expect(planChrootBuild(late, NOW).ask).toBe('task');
  });

  it('closes its tickets when cancelled', () => {
    const stage = aBinaryStage('pebble-13-x86_64');
    const plan = planChrootBuild(
      withBuilder({ phase: 'Running' }, { chrootBuild: { ...stage, spec: { ...stage.spec, cancelled: true } } }),
      NOW,
    );
    expect(plan.closeTickets).toHaveLength(1);
    expect(plan.status).toMatchObject({ phase: 'Cancelled', state: 'canceled' });
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

  it('gives up on services that do not take over for six hours, with their last words', () => {
    const stage = aBinaryStage('pebble-13-x86_64', { builtAt: ago(6 * 3600 + 1), message: 'waits for the publisher' });
    const ticket = aTicket('t', { closed: true }, ASSIGNED);
    const { status } = planChrootBuild(aWorld({ chrootBuild: stage, tickets: [ticket] }), NOW);
    expect(status).toMatchObject({ phase: 'Failed', reason: 'ServicesTimedOut' });
    expect(status?.message).toContain('waits for the publisher');
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

  it('closes what a crash left open after the end, and changes nothing else', () => {
    const chrootBuild = aBinaryStage('pebble-13-x86_64', endedAs('succeeded'));
    const plan = planChrootBuild(withBuilder({ phase: 'Ended' }, { chrootBuild }), NOW);
    expect(plan).toEqual({ closeTickets: [expect.anything()], notes: [] });
  });
});

function background(stage: ReturnType<typeof aSourceStage>) {
  return { ...stage, spec: { ...stage.spec, background: true } };
}
