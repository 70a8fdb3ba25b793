import { describe, expect, it } from 'vitest';
import { aTicket } from '../testing/objects.ts';
import { isNews, newsOf } from './news.ts';

describe('isNews', () => {
  it.each([
    { title: 'nothing changed', shown: 3, position: 3, news: false },
    { title: 'a place among the first ten changed', shown: 3, position: 2, news: true },
    { title: 'it is the next one', shown: 1, position: 0, news: true },
    { title: 'a place further behind is off by less than a tenth', shown: 55, position: 50, news: false },
    { title: 'a place further behind is off by more than a tenth', shown: 56, position: 50, news: true },
    { title: 'it comes into view', shown: undefined, position: 99, news: true },
    { title: 'it is pushed out of view', shown: 99, position: undefined, news: true },
    { title: 'it never was in view', shown: undefined, position: undefined, news: false },
  ])('when $title: $news', ({ shown, position, news }) => {
    const place = shown === undefined ? {} : { position: shown };
    const ticket = aTicket('t', {}, { phase: 'Waiting', reason: 'PoolFull', message: 'full', ...place });
    expect(isNews(ticket, { reason: 'PoolFull', message: 'full', position })).toBe(news);
  });

  it.each([
    { title: 'was told nothing yet', status: undefined },
    { title: 'waits for another reason', status: { phase: 'Waiting', reason: 'NoPool', message: 'full' } as const },
    { title: 'waits with other words', status: { phase: 'Waiting', reason: 'PoolFull', message: 'x' } as const },
    { title: 'was assigned by mistake', status: { phase: 'Assigned', reason: 'PoolFull', message: 'full' } as const },
  ])('a ticket that $title is told', ({ status }) => {
    const ticket = aTicket('t', {}, status);
    expect(isNews(ticket, { reason: 'PoolFull', message: 'full', position: undefined })).toBe(true);
  });
});

describe('newsOf', () => {
  const full = { reason: 'PoolFull', message: 'full' };
  const [next, one, two] = ['next', 'one', 'two'].map((name) => aTicket(name));
  const known = aTicket('known', {}, { phase: 'Waiting', ...full });
  const plan = {
    next: [{ ticket: next as typeof known, news: { ...full, position: 0 } }],
    rest: [{ tickets: [known, one as typeof known, two as typeof known], news: { ...full, position: undefined } }],
  };

  it.each([
    [9, ['next', 'one', 'two']],
    [2, ['next', 'one']],
    [0, []],
  ])('of %i at most tells %j', (count, names) => {
    expect(newsOf(plan, count).map(({ ticket }) => ticket.metadata.name)).toEqual(names);
  });
});
