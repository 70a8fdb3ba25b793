/** The chroots of this site. */
import { z } from 'zod';
import type { AnyRoute } from '../http/route.ts';
import { defineRoute } from '../http/route.ts';

const list = defineRoute({
  operation: 'mock-chroots.list',
  methods: ['GET'],
  path: '/mock-chroots/list',
  summary: 'Chroots in which something can be built, with what users should know of each.',
  access: 'anyone',
  result: z.record(z.string(), z.string()),
  handle({ services }) {
    const active = services.cluster.chroots().filter(({ spec }) => spec.state === 'Active');
    return Promise.resolve(Object.fromEntries(active.map(({ spec }) => [spec.name, spec.comment ?? ''])));
  },
});

export const mockChrootRoutes: readonly AnyRoute[] = [list];
