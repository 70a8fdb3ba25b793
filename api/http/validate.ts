import type { z } from 'zod';
import { ApiError, badRequest } from './errors.ts';
import { withoutNulls } from './fields.ts';
import type { AnyRoute, RawFields } from './route.ts';

const NOTHING = Object.freeze({});
/** More than that of one form is no help to anybody. */
const MAX_LINES = 20;

/** The query of a URL: a key that is repeated has a list, `a[]` counts as `a`'s repetition under its own name. */
export function rawQuery(text: string): RawFields {
  return rawPairs(new URLSearchParams(text));
}

export function rawPairs(pairs: Iterable<[string, string]>): RawFields {
  const fields = new Map<string, string | string[]>();
  for (const [name, value] of pairs) {
    const before = fields.get(name);
    if (before === undefined) fields.set(name, value);
    else if (typeof before === 'string') fields.set(name, [before, value]);
    else before.push(value);
  }
  return Object.fromEntries(fields);
}

/** Without nulls, and with the names that clients use for a field replaced by its own. */
export function normalise(fields: RawFields, aliases: Readonly<Record<string, string>> = {}): RawFields {
  const present: Record<string, unknown> = withoutNulls(fields);
  for (const [alias, name] of Object.entries(aliases)) {
    if (!Object.hasOwn(present, alias)) continue;
    if (!Object.hasOwn(present, name)) present[name] = present[alias];
    delete present[alias];
  }
  return present;
}

export function parseParams(route: AnyRoute, params: RawFields): unknown {
  return parse(route.params, params, (lines) => lines.map(({ message }) => message).join('\n'));
}

export function parseQuery(route: AnyRoute, query: RawFields): unknown {
  return parse(route.query, query, (lines) =>
    lines
      .map(({ field, message, missing }) => (missing ? `Missing argument ${field}` : `${field}: ${message}`))
      .join('\n'),
  );
}

export function parseBody(route: AnyRoute, body: RawFields): unknown {
  return parse(route.body, body, (lines) => {
    if (route.formErrors !== 'parameters')
      return lines.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('\n');
    const fields = new Map<string, string[]>();
    for (const { field, message } of lines) fields.set(field, [...(fields.get(field) ?? []), `'${message}'`]);
    const members = [...fields].map(([field, messages]) => `'${field}': [${messages.join(', ')}]`);
    return `Bad request parameters: {${members.join(', ')}}`;
  });
}

interface Line {
  field: string;
  message: string;
  missing: boolean;
}

function parse(schema: z.ZodType | undefined, input: RawFields, render: (lines: Line[]) => string): unknown {
  if (schema === undefined) return NOTHING;
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const lines: Line[] = [];
  for (const issue of parsed.error.issues) {
    const field = String(issue.path[0] ?? '');
    const missing = field !== '' && !Object.hasOwn(input, field);
    const status = statusOf(issue);
    if (status !== undefined && !missing) throw new ApiError(status, issue.message);
    if (lines.some((line) => line.field === field && line.message === issue.message)) continue;
    lines.push({ field, missing, message: missing ? 'This field is required.' : oneLine(issue.message) });
  }
  throw badRequest(render(lines.slice(0, MAX_LINES)));
}

function statusOf(issue: z.core.$ZodIssue): number | undefined {
  if (issue.code !== 'custom') return undefined;
  const status: unknown = issue.params?.status;
  return typeof status === 'number' ? status : undefined;
}

/** Each problem is one line for the clients, which print a bullet for each. */
function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, ' ');
}
