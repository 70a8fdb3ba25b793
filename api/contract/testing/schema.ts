/** Answers against what the documentation of their route says of them. */
import { expect } from 'vitest';
import { z } from 'zod';
import { RouteTable } from '../../http/table.ts';
import { routes } from '../../routes/index.ts';

const table = new RouteTable(routes);

/** @param path below /api_3, with a query or without */
export function expectDocumented(method: string, path: string, body: unknown): void {
  const match = table.find(method, `/api_3${path.replace(/\?.*$/, '')}`);
  if (match.kind !== 'route') throw new Error(`${method} ${path} is no route`);
  const { operation, result } = match.entry.route;
  if (!(result instanceof z.ZodType)) throw new Error(`${operation} does not answer with JSON`);
  expect({ operation, error: result.safeParse(body).error?.issues }).toEqual({ operation, error: undefined });
}
