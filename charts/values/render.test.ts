import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { kubernetes, section, text, whole } from './common.ts';
import { chartValues } from './index.ts';
import { valuesOf, valuesSchema, valuesTable, valuesYAML } from './render.ts';

const small = section(
  {
    name: text('A name.', 'kopr'),
    mode: z.enum(['', 'Fast', 'Slow']).default('').describe('A mode.'),
    part: section({ count: whole('A count.', 3, 0, 9), rest: kubernetes('Anything.') }, 'A part.'),
  },
  'Some values.',
);

describe('valuesYAML', () => {
  it('shows every value with its default below its description', () => {
    expect(valuesYAML(valuesSchema(small), 'Made.')).toBe(`# Made.

# -- A name.
name: kopr

# -- A mode. One of Fast, Slow.
mode: ""

# -- A part.
part:
  # -- A count.
  count: 3
  # -- Anything.
  rest: {}
`);
  });

  it('wraps a long description', () => {
    const long = section({ a: text(`${'word '.repeat(40)}end.`) }, 'Some.');
    const lines = valuesYAML(valuesSchema(long), 'Made.').split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(lines.filter((line) => line.startsWith('# ')).join(' ')).toContain('end.');
  });
});

describe('valuesSchema', () => {
  it('refuses unknown names in each section', () => {
    const schema = valuesSchema(small);
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties?.part?.additionalProperties).toBe(false);
  });

  it('keeps no keyword that only Kubernetes knows', () => {
    expect(JSON.stringify(valuesSchema(chartValues))).not.toContain('x-kubernetes-');
  });
});

describe('valuesTable', () => {
  it('lists values by their path', () => {
    expect(valuesTable(valuesSchema(small))).toContain('| `part.count` | `3` | A count. |');
  });
});

describe('the values of the chart', () => {
  const schema = valuesSchema(chartValues);

  it('are all described in a sentence', () => {
    const undescribed = [...valuesOf(schema)].filter(({ node }) => !/^[A-Za-z].*\.$/.test(node.description ?? ''));
    expect(undescribed.map(({ path }) => path)).toEqual([]);
  });

  it('all have a default, so that templates need no guard', () => {
    const bare = [...valuesOf(schema)].filter(
      ({ node, section: isSection }) => !isSection && node.default === undefined,
    );
    expect(bare.map(({ path }) => path)).toEqual([]);
  });

  it('have defaults that fit their own schema', () => {
    expect(() => chartValues.parse(parse(valuesYAML(schema, 'Made.')))).not.toThrow();
  });
});
