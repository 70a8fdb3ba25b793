import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { int } from '../http/fields.ts';
import { type AnyRoute, defineRoute } from '../http/route.ts';
import { type Rig, startRig } from '../http/testing/rig.ts';
import { testRoutes } from '../http/testing/routes.ts';
import { routes } from '../routes/index.ts';
import { type OpenAPIDocument, openapiDocument } from './document.ts';
import { docsRoutes } from './routes.ts';

const thing = z.object({ id: z.int(), name: z.string().describe('Its <b>name</b>.') }).meta({ id: 'Thing' });
const hostile = defineRoute({
  operation: 'evil.get',
  methods: ['GET'],
  path: '/evil',
  summary: '<script>alert(1)</script> & "quotes"',
  access: 'anyone',
  result: z.object({ items: z.array(thing), first: thing }),
  handle: () => Promise.resolve({}),
});
const tested: AnyRoute[] = [...testRoutes({ discarded: [], received: [], reads: 0, aborted: [] }), hostile];
const own = docsRoutes(tested);
const document = openapiDocument([...tested, ...own], '3');

describe.each([
  ['the routes of the tests', document],
  ['the routes of kopr', openapiDocument(routes, '3')],
])('the document of %s', (_which, described) => {
  test('refers to nothing that it does not have', () => {
    for (const [, reference] of JSON.stringify(described).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      expect(at(described, reference ?? '')).toBeTypeOf('object');
    }
    expect(JSON.stringify(described)).not.toMatch(/\$defs/);
  });

  test('names each operation once', () => {
    const names = operations(described).map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
  });

  test('has a parameter for each variable of a path, a type for each parameter, and failures for each operation', () => {
    for (const { path, operation } of operations(described)) {
      const variables = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = operation.parameters.filter((parameter) => parameter.in === 'path');
      expect(declared.map(({ name }) => name)).toEqual(variables);
      for (const { name, schema } of operation.parameters) {
        expect(Object.keys(schema).length, `${operation.operationId}: ${name}`).toBeGreaterThan(0);
      }
      const guarded = operation.security.some((scheme) => 'apiToken' in scheme);
      expect(Object.keys(operation.responses).includes('401')).toBe(guarded);
      expect(operation.responses).toHaveProperty('200');
      expect(operation.responses).toHaveProperty('400');
    }
  });
});

test('legacy methods are deprecated, swapped ones the other way round', () => {
  expect(document.paths['/api_3/thing/fork']?.put?.deprecated).toBe(true);
  expect(document.paths['/api_3/thing/fork']?.post?.deprecated).toBe(undefined);
});

test('an upload is a multipart body with the file and the parameters', () => {
  const content = document.paths['/api_3/upload']?.post?.requestBody?.content;
  expect(Object.keys(content ?? {})).toEqual(['multipart/form-data']);
  expect(content?.['multipart/form-data']?.schema).toMatchObject({
    required: ['pkgs'],
    properties: { pkgs: { type: 'string' }, json: { type: 'object', required: ['projectname'] } },
  });
});

test('a default is told, though the field is transformed on its way in', () => {
  const query = z.object({ days: int(0, 100).default(7) });
  const route: AnyRoute = { ...hostile, query };
  expect(openapiDocument([route], '3').paths['/api_3/evil']?.get?.parameters).toEqual([
    { name: 'days', in: 'query', required: false, schema: { type: 'integer', minimum: 0, maximum: 100, default: 7 } },
  ]);
});

test('schemas with a name are components', () => {
  expect(document.components.schemas).toMatchObject({ Thing: { type: 'object', required: ['id', 'name'] } });
});

test('pages for people are not in it', () => {
  expect(document.paths).not.toHaveProperty('/api_3/docs');
  expect(document.paths).toHaveProperty('/api_3/openapi.json');
});

describe('served', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig([...tested, ...own]);
  });
  afterAll(() => rig.stop());

  test.each(['/api_3/openapi.json', '/api_3/swagger.json', '/api_3/swagger.json/'])(
    '%s is the document',
    async (path) => {
      const response = await fetch(`${rig.url}${path}`);
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(await response.json()).toEqual(document);
    },
  );

  test.each(['/', '/api', '/api/', '/api_3/docs', '/api_3/docs/'])(
    '%s is a page that can run nothing',
    async (path) => {
      const response = await fetch(`${rig.url}${path}`, { redirect: 'manual' });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']+';/);
      const text = await response.text();
      expect(text).not.toMatch(/<script|<img|<link|style="|https?:\/\/(?!copr\.test)/i);
      expect(text.match(/<style>/g)).toHaveLength(1);
    },
  );

  test('the page lists every operation and shows hostile text as text', async () => {
    const text = await (await fetch(`${rig.url}/api_3/docs`)).text();
    for (const { path, operation } of operations(document)) {
      expect(text).toContain(path);
      if (operation.deprecated !== true) expect(text).toContain(`id="${operation.operationId}"`);
    }
    expect(text).toContain('&#60;script&#62;alert(1)&#60;/script&#62; &#38; &#34;quotes&#34;');
  });

  test('the page of tokens has the address of the site', async () => {
    expect(await (await fetch(`${rig.url}/api`)).text()).toContain('copr_url = http://copr.test');
  });
});

function operations(described: OpenAPIDocument) {
  return Object.entries(described.paths).flatMap(([path, item]) =>
    Object.values(item).map((operation) => ({ path, operation })),
  );
}

function at(value: unknown, path: string): unknown {
  return path.split('/').reduce((inner: unknown, name) => (inner as Record<string, unknown>)[name], value);
}
