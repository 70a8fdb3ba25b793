import { z } from 'zod';

/** A node of an OpenAPI v3 schema as the API server takes it in a CustomResourceDefinition. */
export interface StructuralSchema {
  description?: string;
  type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  format?: string;
  enum?: string[];
  default?: unknown;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  items?: StructuralSchema;
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  required?: string[];
  'x-kubernetes-list-type'?: 'set' | 'map' | 'atomic';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-validations'?: { rule: string; message: string }[];
}

type Json = Record<string, unknown>;

/** Copied as they are; everything else is either translated below or an error. */
const COPIED = [
  'description',
  'enum',
  'default',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
  'required',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
] as const;
const TRANSLATED = ['type', 'format', 'pattern', 'minimum', 'maximum', 'items', 'properties', 'additionalProperties'];
/** Without meaning for the API server: it prunes unknown fields anyway, and keys of maps are strings. */
const DROPPED = ['$schema', 'propertyNames'];

/**
 * Translates a zod schema into the structural subset of OpenAPI that Kubernetes stores. Throws when a schema uses
 * something that has no counterpart there (unions, references, tuples), naming the path.
 */
export function structuralSchema(schema: z.ZodType): StructuralSchema {
  return translate(z.toJSONSchema(schema, { io: 'input' }) as Json, '');
}

function translate(node: Json, path: string): StructuralSchema {
  for (const key of Object.keys(node)) {
    if (TRANSLATED.includes(key) || DROPPED.includes(key) || (COPIED as readonly string[]).includes(key)) continue;
    throw new Error(`${path || 'the root'}: "${key}" has no counterpart in a structural schema`);
  }
  const out: Json = { type: typeOf(node, path) };
  for (const key of COPIED) {
    if (node[key] !== undefined) out[key] = node[key];
  }
  if (out.type === 'integer') Object.assign(out, integerBounds(node));
  if (node.format === 'date-time') out.format = 'date-time';
  else if (node.pattern !== undefined && !hasPatternRule(node)) out.pattern = node.pattern;
  if (node.items !== undefined) out.items = translate(node.items as Json, `${path}[]`);
  if (node.properties !== undefined) {
    out.properties = Object.fromEntries(
      Object.entries(node.properties as Record<string, Json>).map(([name, child]) => [
        name,
        translate(child, `${path}.${name}`),
      ]),
    );
  }
  if (typeof node.additionalProperties === 'object') {
    out.additionalProperties = translate(node.additionalProperties as Json, `${path}.*`);
  }
  return inOrder(out) as unknown as StructuralSchema;
}

function typeOf(node: Json, path: string): string {
  const { type } = node;
  if (type === 'object' || type === 'array' || type === 'string' || type === 'integer' || type === 'boolean')
    return type;
  throw new Error(`${path || 'the root'}: the type ${JSON.stringify(type)} has no counterpart in a structural schema`);
}

/** zod bounds every integer by what a double holds exactly; only bounds that somebody chose are worth showing. */
function integerBounds(node: Json): Json {
  const { minimum, maximum } = node as { minimum?: number; maximum?: number };
  return {
    format: 'int64',
    ...(minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER ? { minimum } : {}),
    ...(maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER ? { maximum } : {}),
  };
}

/** `text()` says the same in a CEL rule with a sentence; both would answer the same mistake twice. */
function hasPatternRule(node: Json): boolean {
  const list = node['x-kubernetes-validations'] as { rule: string }[] | undefined;
  return list?.some(({ rule }) => rule.startsWith('self.matches(')) ?? false;
}

const ORDER = ['description', 'type', 'format', 'enum', 'default'];
const LAST = ['items', 'properties', 'additionalProperties', 'required', 'x-kubernetes-validations'];

function inOrder(node: Json): Json {
  const middle = Object.keys(node)
    .filter((key) => !ORDER.includes(key) && !LAST.includes(key))
    .sort();
  return Object.fromEntries(
    [...ORDER, ...middle, ...LAST].filter((key) => node[key] !== undefined).map((key) => [key, node[key]]),
  );
}

/** Every named field below `schema`, parents first; `path` is like `.spec.chroots[].name`. */
export function* fieldsOf(
  schema: StructuralSchema,
  path = '',
): Generator<{ path: string; schema: StructuralSchema; required: boolean }> {
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const childPath = `${path}.${name}`;
    yield { path: childPath, schema: child, required: schema.required?.includes(name) ?? false };
    yield* fieldsOf(child, childPath);
  }
  if (schema.items) yield* fieldsOf(schema.items, `${path}[]`);
  if (schema.additionalProperties) yield* fieldsOf(schema.additionalProperties, `${path}.*`);
}
