import { describe, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { ago, aTicket } from '../testing/objects.ts';
import { WaitingTickets } from './waiting.ts';

function counted(...tickets: BuilderTicket[]) {
  const waiting = new WaitingTickets();
  for (const ticket of tickets) waiting.see(ticket.metadata.name, ticket);
  return waiting.all();
}

const TOLD = { phase: 'Waiting', reason: 'PoolFull' } as const;

describe('waiting tickets', () => {
  it('are counted by what they ask for', () => {
    const lines = counted(
      aTicket('a', { tags: ['y', 'x'] }, TOLD),
      aTicket('b', { tags: ['x', 'y'] }),
      aTicket('c', { owner: 'other' }, TOLD),
    );
    expect(lines).toEqual([
      { architecture: 'x86_64', tags: ['x', 'y'], sandbox: 'demo/hello', isStage: true, told: 1, fresh: 1 },
      { architecture: 'x86_64', tags: [], sandbox: 'other/hello', isStage: true, told: 1, fresh: 0 },
    ]);
  });

  it('of clients of Resalloc are told from those of builds', () => {
    const lent = aTicket('a');
    delete lent.spec.chrootBuild;
    delete lent.spec.chrootBuildUID;
    expect(counted(lent, aTicket('b'))).toMatchObject([{ isStage: false }, { isStage: true }]);
  });

  it.each<[string, BuilderTicket]>([
    ['are served', aTicket('a', {}, { phase: 'Assigned' })],
    ['are closed', aTicket('a', { closed: true })],
    ['have failed', aTicket('a', {}, { phase: 'Failed' })],
    ['are being deleted', aTicket('a', {}, TOLD, { deletionTimestamp: ago(1) })],
    ['only pods can serve', aTicket('a', { environment: 'pod' }, TOLD)],
    ['a quota holds', aTicket('a', {}, { phase: 'Waiting', reason: 'QuotaExceeded' })],
    ['their project holds', aTicket('a', {}, { phase: 'Waiting', reason: 'ProjectSuspended' })],
  ])('do not count when they %s', (_title, ticket) => {
    expect(counted(ticket)).toEqual([]);
  });

  it('have no machine made for them while there is a place', () => {
    expect(counted(aTicket('a', {}, { phase: 'Waiting', reason: 'Queued' }))).toMatchObject([{ told: 0, fresh: 1 }]);
  });

  it('are followed change by change, and leave nothing behind', () => {
    const waiting = new WaitingTickets();
    waiting.see('a', aTicket('a'));
    waiting.see('b', aTicket('b'));
    waiting.see('a', aTicket('a', {}, TOLD));
    waiting.see('a', aTicket('a', {}, TOLD));
    expect(waiting.all()).toMatchObject([{ told: 1, fresh: 1 }]);
    // Another one of the same name, which asks for something else.
    waiting.see('b', aTicket('b', { tags: ['x'] }));
    expect(waiting.all()).toMatchObject([
      { tags: [], told: 1, fresh: 0 },
      { tags: ['x'], fresh: 1 },
    ]);
    waiting.see('a', aTicket('a', {}, { phase: 'Assigned' }));
    waiting.see('b', undefined);
    waiting.see('b', undefined);
    expect(waiting.all()).toEqual([]);
  });
});
