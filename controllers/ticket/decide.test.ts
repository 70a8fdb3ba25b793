import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { aBuilder, aPool, aTicket, NOW } from '../testing/objects.ts';
import { planOf } from './testing/plan.ts';
import { aLoan, aMachine, aMachinePool, aWorld, running, served, tickets } from './testing/worlds.ts';

describe('limits of a pool', () => {
  it.each([
    { max: 3, maxStarting: 9, free: 3 },
    { max: 9, maxStarting: 2, free: 2 },
    { max: 0, maxStarting: 9, free: 0 },
  ])('max $max and maxStarting $maxStarting take $free at once', ({ max, maxStarting, free }) => {
    const pools = [aPool('default', { max, maxStarting })];
    expect(served({ tickets: tickets('a/p/1', 'a/p/2', 'a/p/3', 'a/p/4'), pools })).toHaveLength(free);
  });

  it.each([
    { phase: 'Running', taken: true, starting: false },
    { phase: 'Starting', taken: true, starting: true },
    { phase: undefined, taken: true, starting: true },
    { phase: 'Ended', taken: false, starting: false },
    { phase: 'Lost', taken: false, starting: false },
  ] as const)('a pod that is $phase takes a place: $taken, a starting one: $starting', ({ phase, taken, starting }) => {
    const { tickets: busy, builders } = running('a/p/r');
    const one = builders.map((b) => ({ ...b, status: phase === undefined ? {} : { phase } })) as Builder[];
    const all = [...busy, ...tickets('b/p/1', 'b/p/2', 'b/p/3')];
    expect(served({ tickets: all, builders: one, pools: [aPool('default', { max: 2 })] })).toHaveLength(taken ? 1 : 2);
    const pools = [aPool('default', { max: 9, maxStarting: 2 })];
    expect(served({ tickets: all, builders: one, pools })).toHaveLength(starting ? 1 : 2);
  });

  it('a suspended project gets nothing, the other ones of its owner do', () => {
    const plan = planOf(aWorld({ tickets: tickets('a/p/1', 'a/q/1'), suspended: new Set(['a/p']) }), NOW);
    expect(plan.assign.map(({ ticket }) => ticket.metadata.name)).toEqual(['a/q/1']);
    expect(plan.waiting).toMatchObject([{ reason: 'ProjectSuspended', message: 'Project "p" is suspended' }]);
  });
});

describe('quotas', () => {
  it.each([
    { title: 'of the owner', quota: { maxRunning: 2 }, sentence: 'by quota owner a may run 2 stages at' },
    { title: 'of the sandbox', quota: { maxRunningPerSandbox: 2 }, sentence: 'by quota project a/p may run 2 stages' },
    { title: 'of the namespace', quota: { maxRunningPerNamespace: 2 }, sentence: 'by quota namespace a may run 2' },
    {
      title: 'of the architecture',
      quota: { architectures: [{ name: 'x86_64', max: 2 }] },
      sentence: 'by quota owner a may run 2 stages on x86_64',
    },
    {
      title: 'of a tag',
      quota: { tags: [{ name: 'big', max: 2 }] },
      sentence: 'owner a may run 2 stages with tag big',
    },
    { title: 'of all', quota: { total: { maxRunning: 2 } }, sentence: 'all owners together may run 2 stages' },
    {
      title: 'of all on an architecture',
      quota: { total: { architectures: [{ name: 'x86_64', max: 2 }] } },
      sentence: '2 stages on x86_64 at the same time (total.architectures of the default BuildQuota',
    },
    {
      title: 'of all with a tag',
      quota: { total: { tags: [{ name: 'big', max: 2 }] } },
      sentence: '2 stages with tag big at the same time (total.tags of the default BuildQuota of this installation)',
    },
  ])('the one $title holds within one cycle, and is explained', ({ quota, sentence }) => {
    const tagged = tickets('a/p/1', 'a/p/2', 'a/p/3').map((t) => ({ ...t, spec: { ...t.spec, tags: ['big'] } }));
    const pools = [aPool('default', { tags: [{ name: 'big', priority: 0 }] })];
    const plan = planOf(aWorld({ tickets: tagged, pools, defaultQuota: { weight: 100, ...quota } }), NOW);
    expect(plan.assign).toHaveLength(2);
    expect(plan.waiting).toMatchObject([{ reason: 'QuotaExceeded', position: 0, estimatedSeconds: 150 }]);
    expect(plan.waiting[0]?.message).toContain(sentence);
    expect(plan.waiting[0]?.message).toMatch(
      /so it waits for one that runs or comes first to end; .* can raise the limit$/,
    );
  });

  it('of nothing at all lets nothing run, and estimates nothing', () => {
    const defaultQuota = { weight: 100, maxRunning: 0 };
    const plan = planOf(aWorld({ tickets: tickets('a/p/1'), defaultQuota }), NOW);
    expect(plan.waiting).toMatchObject([{ reason: 'QuotaExceeded', estimatedSeconds: undefined }]);
    expect(plan.waiting[0]?.message).toContain('owner a may run no stages (maxRunning of the default BuildQuota');
  });

  it("an owner's own replaces the default one, and says so", () => {
    const quotas = new Map([['a', { weight: 100, maxRunning: 2 }]]);
    const all = tickets('a/p/1', 'a/p/2', 'a/p/3', 'b/p/1', 'b/p/2');
    const defaultQuota = { weight: 100, maxRunning: 1 };
    const plan = planOf(aWorld({ tickets: all, quotas, defaultQuota }), NOW);
    expect(plan.assign.map(({ ticket }) => ticket.metadata.name)).toEqual(['a/p/1', 'b/p/1', 'a/p/2']);
    const ofA = plan.waiting.find(({ ticket }) => ticket.spec.owner === 'a');
    expect(ofA?.message).toContain('(maxRunning of the BuildQuota of a)');
  });

  it('the one of a namespace counts stages of every owner in it', () => {
    const all = tickets('a/p/1', 'b/p/1').map((each) => ({ ...each, metadata: { ...each.metadata, namespace: 'n' } }));
    const namespaceQuotas = new Map([['n', { weight: 100, maxRunningPerNamespace: 1 }]]);
    const plan = planOf(aWorld({ tickets: all, namespaceQuotas }), NOW);
    expect(plan.assign).toHaveLength(1);
    expect(plan.waiting[0]?.message).toContain('(maxRunningPerNamespace of the BuildQuota in namespace n)');
  });

  it('the total of an owner’s own quota counts for nothing', () => {
    const quotas = new Map([['a', { weight: 100, total: { maxRunning: 0 } }]]);
    expect(served({ tickets: tickets('a/p/1'), quotas })).toEqual(['a/p/1']);
  });

  it.each([
    { phase: 'Running', counts: true },
    { phase: 'Ready', counts: true },
    { phase: 'Releasing', counts: false },
    { phase: 'Lost', counts: false },
  ] as const)('a machine with a ticket that is $phase counts: $counts', ({ phase, counts }) => {
    const [busy, next] = tickets('a/p/1', 'a/p/2') as [BuilderTicket, BuilderTicket];
    const told = { ...busy, status: { phase: 'Assigned' as const } };
    const builders = [aMachine('m', { ticket: told, status: { phase } })];
    const defaultQuota = { weight: 100, maxRunning: 1 };
    expect(served({ tickets: [told, next], builders, defaultQuota })).toEqual(counts ? [] : ['a/p/2']);
  });
});

describe('after a crash', () => {
  it('a ticket whose Builder was made already is assigned to that one, and takes one place', () => {
    const [told, next] = tickets('a/p/1', 'a/p/2');
    const builders = [aBuilder(told as BuilderTicket, undefined, 'other')];
    const pools = [aPool('default', { max: 1 }), aPool('other', { max: 1 })];
    const plan = planOf(aWorld({ tickets: [told, next] as BuilderTicket[], builders, pools }), NOW);
    expect(plan.assign.map(({ ticket, pool }) => [ticket.metadata.name, pool])).toEqual([
      ['a/p/1', 'other'],
      ['a/p/2', 'default'],
    ]);
  });

  it('a ticket that has claimed a machine already is assigned to that one', () => {
    const [ticket] = tickets('a/p/1') as [BuilderTicket];
    const builders = [aMachine('m1'), aMachine('m2', { ticket }), aMachine('m3')];
    const plan = planOf(aWorld({ tickets: [ticket], builders, pools: [aMachinePool('cloud')] }), NOW);
    expect(plan.assign.map(({ machine }) => machine?.metadata.name)).toEqual(['m2']);
  });

  it('a ticket that two machines claim to serve is told of the same one every time', () => {
    const [ticket] = tickets('a/p/1') as [BuilderTicket];
    const builders = [aMachine('m2', { ticket }), aMachine('m1', { ticket })];
    for (const order of [builders, builders.toReversed()]) {
      const plan = planOf(aWorld({ tickets: [ticket], builders: order, pools: [aMachinePool('cloud')] }), NOW);
      expect(plan.assign.map(({ machine }) => machine?.metadata.name)).toEqual(['m1']);
    }
  });

  it('an assigned ticket is left alone even when its Builder is not to be seen', () => {
    const [ticket] = running('a/p/1').tickets;
    expect(planOf(aWorld({ tickets: [ticket as BuilderTicket] }), NOW)).toMatchObject({ assign: [], waiting: [] });
  });
});

describe('a client of Resalloc', () => {
  const lent = aLoan('t', {}, { phase: 'Assigned', builder: 'm' });

  it.each([
    { title: 'is gone', builders: [], failed: true },
    { title: 'is lost', builders: [aMachine('m', { ticket: lent, status: { phase: 'Lost' } })], failed: true },
    { title: 'is being deleted', builders: [aMachine('m', { ticket: lent, deleted: true })], failed: true },
    { title: 'serves another ticket', builders: [aMachine('m', { ticket: aTicket('other') })], failed: true },
    { title: 'is fine', builders: [aMachine('m', { ticket: lent, status: { phase: 'Running' } })], failed: false },
  ])('whose machine $title has lost it: $failed', ({ builders, failed }) => {
    const plan = planOf(aWorld({ tickets: [lent], builders, pools: [aMachinePool('cloud')] }), NOW);
    expect(plan.failed.map(({ ticket, machine }) => [ticket.metadata.name, machine])).toEqual(
      failed ? [['t', 'm']] : [],
    );
  });

  it('is told once, and gets no other machine for that ticket', () => {
    const told = { ...lent, status: { phase: 'Failed' as const } };
    const world = aWorld({ tickets: [told], builders: [aMachine('free')], pools: [aMachinePool('cloud')] });
    expect(planOf(world, NOW)).toMatchObject({ assign: [], failed: [], waiting: [] });
  });

  it('is not told when it is a stage whose machine is lost: that asks for another ticket itself', () => {
    const stage = aTicket('t', {}, { phase: 'Assigned', builder: 'm' });
    expect(planOf(aWorld({ tickets: [stage] }), NOW).failed).toEqual([]);
  });
});
