import { describe, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { planSweep } from './sweep.ts';
import { aTicket } from './testing/objects.ts';
import { CLOSED_AT } from './ticket.ts';

const NOW = Date.parse('2026-01-10T12:00:00Z');
const DAY_AGO = '2026-01-09T12:00:00Z';

function closed(number: number, at?: string): BuilderTicket {
  const ticket = aTicket(number, undefined, true);
  const annotations = at === undefined ? {} : { [CLOSED_AT]: at };
  return { ...ticket, metadata: { ...ticket.metadata, creationTimestamp: '2025-01-01T00:00:00Z', annotations } };
}

const NOTHING = { note: [], remove: [] };

describe('a ticket', () => {
  it('is forgotten a day after it was closed, and not before', () => {
    const [old, young] = [closed(1, DAY_AGO), closed(2, '2026-01-09T12:00:01Z')];
    expect(planSweep([old, young], NOW)).toEqual({ note: [], remove: [old] });
  });

  it('is kept while it is open, however old it is', () => {
    const open = closed(1, DAY_AGO);
    expect(planSweep([{ ...open, spec: { ...open.spec, closed: false } }], NOW)).toEqual(NOTHING);
  });

  it.each([undefined, 'yesterday'])('is noted when it is closed since "%s", and forgotten a day later', (since) => {
    const ticket = closed(1, since);
    expect(planSweep([ticket], NOW)).toEqual({ note: [ticket], remove: [] });
  });

  it('is left alone when it is not of this service', () => {
    const ticket = closed(1, DAY_AGO);
    expect(planSweep([{ ...ticket, metadata: { ...ticket.metadata, name: 'hello-1.1' } }], NOW)).toEqual(NOTHING);
  });

  it('is left alone when it is being deleted', () => {
    const ticket = closed(1, DAY_AGO);
    expect(planSweep([{ ...ticket, metadata: { ...ticket.metadata, deletionTimestamp: DAY_AGO } }], NOW)).toEqual(
      NOTHING,
    );
  });
});

it('a round does not do more than it can', () => {
  const many = Array.from({ length: 1200 }, (_, n) => closed(n + 1, n % 2 === 0 ? DAY_AGO : undefined));
  const { note, remove } = planSweep(many, NOW);
  expect([note.length, remove.length]).toEqual([500, 500]);
});
