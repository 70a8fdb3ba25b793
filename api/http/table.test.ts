import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineRoute, type Method } from './route.ts';
import { RouteTable } from './table.ts';

function route(operation: string, path: string, methods: [Method, ...Method[]] = ['GET']) {
  const result = z.object({});
  return defineRoute({ operation, methods, path, summary: '', access: 'anyone', result, handle: async () => ({}) });
}

const table = new RouteTable([
  route('list', '/build/list'),
  route('get', '/build/:id'),
  route('new', '/package/:owner/add', ['PUT', 'POST']),
  route('old', '/package/:owner/:name'),
]);

function operation(method: string, path: string): string {
  const found = table.find(method, path);
  return found.kind === 'route' ? found.entry.route.operation : found.kind;
}

test.each([
  ['GET', '/api_3/build/list', 'list'],
  ['GET', '/api_3/build/list/', 'list'],
  ['HEAD', '/api_3/build/7', 'get'],
  ['GET', '/api_3/build/', 'nothing'],
  ['GET', '/api_3/build//', 'nothing'],
  ['POST', '/api_3/package/add/add', 'new'],
  ['GET', '/api_3/package/add/add', 'method'],
  ['GET', '/api_3/package/x/y', 'old'],
  ['PATCH', '/api_3/build/7', 'method'],
  ['GET', '/api_3/build/..', 'malformed'],
  ['GET', '/api_3/build/%2E%2e', 'malformed'],
  ['GET', '/api_3/build/%2Fetc', 'malformed'],
  ['GET', '/api_3/build/%c3%28', 'malformed'],
  ['GET', '*', 'nothing'],
  ['GET', '', 'nothing'],
])('%s %s leads to %s', (method, path, expected) => {
  expect(operation(method, path)).toBe(expected);
});

test('no address whatever makes it throw, and names with any characters come back as they were', () => {
  fc.assert(
    fc.property(fc.string(), (path) => {
      table.find('GET', path);
    }),
  );
  const name = fc.string({ minLength: 1 }).filter((text) => !/[/\0]|^\.\.?$/.test(text) && text !== 'list');
  fc.assert(
    fc.property(name, (id) => {
      expect(table.find('GET', `/api_3/build/${encodeURIComponent(id)}`)).toMatchObject({ params: { id } });
    }),
  );
});

test('two routes may not claim the same method of a path', () => {
  expect(() => new RouteTable([route('a', '/x/:id'), route('b', '/x/:name')])).toThrow(/claimed by a and b/);
});
