import { z } from 'zod';

/** A JSON Schema (2020-12), as OpenAPI 3.1 has it. */
export interface JSONSchema {
  [member: string]: unknown;
  type?: string;
  properties?: Record<string, JSONSchema>;
  required?: string[];
  description?: string;
}

/**
 * Turns zod schemas into JSON Schemas. Those with `.meta({id: 'Build'})` become components that the others refer to.
 */
export class SchemaBook {
  readonly components: Record<string, JSONSchema> = {};

  /** @param io `input`: what a client may send; `output`: what it gets */
  of(schema: z.ZodType, io: 'input' | 'output'): JSONSchema {
    const {
      $schema: _dialect,
      $defs: definitions = {},
      ...rest
    } = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      override: ({ zodSchema: { _zod: inner }, jsonSchema }) => {
        // zod leaves out the defaults of what is transformed on its way in, as all our fields are.
        if (inner.def.type === 'default' && jsonSchema.default === undefined)
          jsonSchema.default = inner.def.defaultValue;
      },
    }) as JSONSchema & { $defs?: Record<string, JSONSchema> };
    for (const [name, definition] of Object.entries(definitions)) {
      this.components[name] = repoint(definition) as JSONSchema;
    }
    return repoint(rest) as JSONSchema;
  }
}

/** References to `#/$defs/…` lead to the components; the ids by which zod knows them would be taken for addresses. */
function repoint(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(repoint);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => !((key === 'id' || key === '$id') && typeof member === 'string'))
      .map(([key, member]) => [
        key,
        key === '$ref' && typeof member === 'string'
          ? member.replace('#/$defs/', '#/components/schemas/')
          : repoint(member),
      ]),
  );
}
