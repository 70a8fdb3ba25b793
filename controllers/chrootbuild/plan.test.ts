import { describe, expect, it } from 'vitest';
import { aBinaryStage, aChroot, ago, aSourceStage, aTicket, endedAs, NOW } from '../testing/objects.ts';
import { MAX_ATTEMPTS, planChrootBuild } from './plan.ts';
import { ASSIGNED, aWorld, COMPLETE, withBuilder } from './testing/worlds.ts';

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

  describe('that no pool could serve', () => {
    const ticket = aTicket('t', {}, { phase: 'Waiting', reason: 'NoPool', message: 'no BuilderPool offers x86_64' });
    const hopeless = aWorld({ tickets: [ticket], servable: false });
    const first = planChrootBuild(hopeless, NOW);
    const shown = aBinaryStage('pebble-13-x86_64', first.status ?? {});

    it('waits an hour, then fails and says what to do', () => {
      expect(first).toMatchObject({ status: { phase: 'Waiting', reason: 'NoPool' }, requeueAfterMs: 3_600_000 });
      const world = { ...hopeless, chrootBuild: shown };
      expect(planChrootBuild(world, NOW + 3_599_000)).toMatchObject({
        status: { phase: 'Waiting' },
        requeueAfterMs: 1000,
      });
      const last = planChrootBuild(world, NOW + 3_600_000);
      expect(last.status).toMatchObject({ phase: 'Failed', reason: 'NoPool' });
      expect(last.status?.message).toMatch(/^waited an hour.*offers x86_64; have a BuilderPool offer it/);
      expect(last.status?.conditions?.map(({ type }) => type)).toEqual(['Succeeded', 'Complete']);
      expect(last.closeTickets).toEqual([ticket]);
    });

    it('goes on waiting when there is a pool meanwhile, though its ticket does not know yet', () => {
      const plan = planChrootBuild({ ...hopeless, chrootBuild: shown, servable: true }, NOW + 9_000_000);
      expect(plan).toMatchObject({ status: { phase: 'Waiting', reason: 'NoPool' }, requeueAfterMs: 60_000 });
    });

    it('counts anew after it could be served', () => {
      const busy = aTicket('t', {}, { phase: 'Waiting', reason: 'PoolFull', message: 'all busy' });
      const { status } = planChrootBuild({ ...hopeless, chrootBuild: shown, tickets: [busy] }, NOW + 5_000);
      const again = aBinaryStage('pebble-13-x86_64', status ?? {});
      const plan = planChrootBuild({ ...hopeless, chrootBuild: again }, NOW + 3_600_000);
      expect(plan).toMatchObject({ status: { phase: 'Waiting' }, requeueAfterMs: 3_600_000 });
    });
  });

  it('knows where its log is as soon as it runs', () => {
    const { status } = planChrootBuild(withBuilder({ phase: 'Running', startedAt: ago(1), node: 'n1' }), NOW);
    expect(status).toMatchObject({ phase: 'Running', state: 'running', runningAt: ago(1), attempt: 1 });
    expect(status?.logURL).toBe(
      'http://results.example/results/demo/hello/pebble-13-x86_64/00000007-hello/builder-live.log',
    );
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

  it.each(['OutOfMemory', 'TimedOut', 'DiskFull', 'PodRefused', 'DirectoryInUse'])(
    'does not retry after %s',
    (reason) => {
      const plan = planChrootBuild(withBuilder({ phase: 'Lost', reason }, { facts: { task: { state: 'none' } } }), NOW);
      expect(plan.takeTicket).toBeUndefined();
      expect(plan.status).toMatchObject({ phase: 'Failed', reason });
    },
  );

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

  it('closes what a crash left open after the end, and changes nothing else', () => {
    const chrootBuild = aBinaryStage('pebble-13-x86_64', endedAs('succeeded'));
    const plan = planChrootBuild(withBuilder({ phase: 'Ended' }, { chrootBuild }), NOW);
    expect(plan).toEqual({ closeTickets: [expect.anything()], notes: [] });
  });

  it('takes note of a cancellation after its end', () => {
    const ended = aBinaryStage('pebble-13-x86_64', endedAs('succeeded'));
    const metadata = { ...ended.metadata, generation: 2 };
    const { status } = planChrootBuild(aWorld({ chrootBuild: { ...ended, metadata } }), NOW);
    const conditions = ended.status?.conditions?.map((each) => ({ ...each, observedGeneration: 2 }));
    expect(status).toEqual({ ...ended.status, observedGeneration: 2, conditions });
  });
});

function background(stage: ReturnType<typeof aSourceStage>) {
  return { ...stage, spec: { ...stage.spec, background: true } };
}
