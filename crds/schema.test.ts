import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { text } from './common.ts';
import { rootSchema } from './crd.ts';
import { ALL_KINDS } from './index.ts';
import { fieldsOf, structuralSchema } from './schema.ts';

describe('structuralSchema', () => {
  it('keeps a chosen bound of an integer and drops the one zod adds by itself', () => {
    expect(structuralSchema(z.int().min(3))).toEqual({ type: 'integer', format: 'int64', minimum: 3 });
    expect(structuralSchema(z.int())).toEqual({ type: 'integer', format: 'int64' });
  });

  it('turns a time into the format date-time without the long pattern of zod', () => {
    expect(structuralSchema(z.iso.datetime())).toEqual({ type: 'string', format: 'date-time' });
  });

  it('does not require a field that has a default', () => {
    const schema = structuralSchema(z.object({ a: z.string(), b: z.boolean().default(false) }));
    expect(schema.required).toEqual(['a']);
    expect(schema.properties?.b?.default).toBe(false);
  });

  it('translates a record into additionalProperties and forgets the schema of its keys', () => {
    expect(structuralSchema(z.record(z.string(), z.string().max(5)))).toEqual({
      type: 'object',
      additionalProperties: { type: 'string', maxLength: 5 },
    });
  });

  it('closes no object, since the API server refuses additionalProperties beside properties', () => {
    expect(structuralSchema(z.strictObject({ a: z.string() }))).not.toHaveProperty('additionalProperties');
  });

  it('replaces the pattern of text() by a rule with a sentence, also behind optional() and another maximum', () => {
    const name = text(20, /^[a-z]+\/$/, 'must be small letters and a slash');
    for (const schema of [name, name.max(7).optional().describe('A name.')]) {
      const node = structuralSchema(z.object({ a: schema })).properties?.a;
      expect(node).not.toHaveProperty('pattern');
      expect(node?.['x-kubernetes-validations']).toEqual([
        { rule: "self.matches(r'^[a-z]+/$')", message: 'must be small letters and a slash' },
      ]);
    }
  });

  it('keeps the pattern of a plain string', () => {
    expect(structuralSchema(z.string().regex(/^a$/)).pattern).toBe('^a$');
  });

  it.each([
    ['a union', z.object({ a: z.union([z.string(), z.int()]) }), /^\.a: "anyOf"/],
    ['a null', z.object({ a: z.array(z.null()) }), /^\.a\[\]: the type "null"/],
    ['a float', z.number(), /^the root: the type "number"/],
    ['a tuple', z.object({ a: z.tuple([z.string()]) }), /^\.a: "prefixItems"/],
  ])('refuses %s and says where it is', (_, schema, message) => {
    expect(() => structuralSchema(schema)).toThrow(message);
  });
});

describe.each(ALL_KINDS.map((kind) => [kind.kind, kind] as const))('the schema of %s', (_, kind) => {
  const root = rootSchema(kind);
  const fields = [...fieldsOf(root)].filter(({ path }) => path !== '.metadata');

  it('describes every field in a sentence', () => {
    const undescribed = fields.filter(({ schema }) => !/^[A-Z].*[.?]$/.test(schema.description ?? ''));
    expect(undescribed.map(({ path }) => path)).toEqual([]);
  });

  it('bounds every list, map and text of the spec, so that no object can grow without end', () => {
    const bounded = fields.filter(({ path }) => path.startsWith('.spec'));
    const boundless = bounded.filter(
      ({ schema }) =>
        (schema.type === 'array' && schema.maxItems === undefined) ||
        (schema.additionalProperties !== undefined && schema.maxProperties === undefined) ||
        (schema.type === 'string' && !schema.enum && schema.format === undefined && schema.maxLength === undefined),
    );
    expect(boundless.map(({ path }) => path)).toEqual([]);
  });

  it('says how each list of objects is merged by server-side apply', () => {
    const lists = fields.filter(({ schema }) => schema.items?.type === 'object');
    const atomic = lists.filter(({ schema }) => schema['x-kubernetes-list-type'] === undefined);
    expect(atomic.map(({ path }) => path).filter((path) => !ATOMIC.has(`${kind.kind}${path}`))).toEqual([]);
  });

  it('shows the status first and the age last among the columns of kubectl get', () => {
    const shown = kind.columns.filter(({ priority }) => priority !== 1);
    expect(shown.length).toBeLessThanOrEqual(7);
    expect(shown.at(-1)?.name).toBe('Age');
  });
});

/** Lists whose items have no key: they are replaced as a whole. */
const ATOMIC = new Set(['BuilderPool.spec.pod.tolerations', 'ChrootBuild.status.packages']);
