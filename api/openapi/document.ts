import type { AnyRoute, Method } from '../http/route.ts';
import { type JSONSchema, SchemaBook } from './schemas.ts';

export interface Parameter {
  name: string;
  in: 'path' | 'query';
  required: boolean;
  description?: string;
  schema: JSONSchema;
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  deprecated?: true;
  security: Record<string, string[]>[];
  parameters: Parameter[];
  requestBody?: {
    required: boolean;
    content: Record<string, { schema: JSONSchema; example?: unknown }>;
  };
  responses: Record<string, unknown>;
}

export interface OpenAPIDocument {
  openapi: '3.1.0';
  info: { title: string; version: string; description: string; license: { name: string; identifier: string } };
  servers: { url: string }[];
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, unknown>;
}

const DESCRIPTION = [
  'The API of kopr, as clients of Copr speak it: copr-cli, python-copr and the copr plugins of dnf.',
  '',
  'Every failure is a JSON object with the member `error`; no success has it. A slash at the end of an address makes no',
  'difference. Bodies may be JSON, `application/x-www-form-urlencoded`, or `multipart/form-data`, where a part named',
  '`json` may hold the parameters as one object. A key whose value is null counts as absent, unknown keys are ignored,',
  'and a list of texts may be given where words separated by blanks are expected.',
].join('\n');

const SECURITY = {
  apiToken: {
    type: 'http',
    scheme: 'basic',
    description: 'An API token: its login is the user name, its token the password.',
  },
  serviceAccount: {
    type: 'http',
    scheme: 'bearer',
    description: 'The token of a ServiceAccount of the cluster. Kubernetes decides what it may do.',
  },
};

/** What may go wrong, by status; every operation has the first group, those that need a caller the second too. */
const FAILURES: Record<string, string> = {
  400: 'What was sent is not right: one line for each problem, in the form `<field>: <message>`.',
  404: 'There is no such thing.',
  405: 'Another method is needed; the header Allow names it.',
  408: 'The body did not arrive in time.',
  409: 'It exists already, or is in a state in which this cannot be done.',
  413: 'The body or the file is too large.',
  415: 'The body is neither JSON nor a form.',
  431: 'The address and headers are too long.',
  503: 'Something that kopr needs is away; try again after the seconds of Retry-After.',
};
const CALLER_FAILURES: Record<string, string> = {
  401: 'The token is missing, wrong, expired or revoked.',
  403: 'The caller has no right to do this.',
};

/** The document of all routes that are not hidden. Pure: the same routes give the same document. */
export function openapiDocument(routes: readonly AnyRoute[], version: string): OpenAPIDocument {
  const book = new SchemaBook();
  const paths: OpenAPIDocument['paths'] = {};
  const visible = routes.filter((route) => route.hidden !== true);
  for (const route of visible) {
    for (const [number, path] of [route.path, ...(route.oldPaths ?? [])].entries()) {
      const full = addressOf(route, path);
      const item = paths[full] ?? {};
      paths[full] = item;
      for (const method of [...route.methods, ...(route.alsoWithoutWarning ?? [])]) {
        item[method.toLowerCase()] = operationOf(route, path, method, number, book);
      }
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'kopr',
      version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(visible.map(groupOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: SECURITY,
      schemas: {
        ...book.components,
        Error: { type: 'object', properties: { error: { type: 'string' } }, required: ['error'] },
        Unauthorized: {
          type: 'object',
          properties: { output: { const: 'notok' }, error: { type: 'string' } },
          required: ['output', 'error'],
        },
      },
      responses: Object.fromEntries(
        Object.entries({ ...FAILURES, ...CALLER_FAILURES }).map(([status, description]) => [
          `Failure${status}`,
          {
            description,
            content: {
              'application/json': {
                schema: { $ref: `#/components/schemas/${status === '401' ? 'Unauthorized' : 'Error'}` },
              },
            },
          },
        ]),
      ),
    },
  };
}

/** `project` of `project.add`: the group under which a route is listed. */
export function groupOf(route: Pick<AnyRoute, 'operation'>): string {
  return route.operation.split('.')[0] ?? route.operation;
}

function addressOf(route: AnyRoute, path: string): string {
  const full = `${route.base ?? '/api_3'}${path}`.replace(/:(\w+)/g, '{$1}');
  return full.length > 1 ? full.replace(/\/$/, '') : full;
}

function operationOf(route: AnyRoute, path: string, method: Method, number: number, book: SchemaBook): Operation {
  const current = method === route.methods[0];
  const silent = route.alsoWithoutWarning?.includes(method) === true;
  const suffix = `${current ? '' : `.${method.toLowerCase()}`}${number === 0 ? '' : `.path${number + 1}`}`;
  const body = method === 'GET' ? undefined : bodyOf(route, book);
  const open = route.access === 'anyone';
  const failures = { ...FAILURES, ...(open ? {} : CALLER_FAILURES) };
  return {
    operationId: `${route.operation}${suffix}`,
    tags: [groupOf(route)],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(current || silent ? {} : { deprecated: true as const }),
    security: open ? [{}] : [{ apiToken: [] }, { serviceAccount: [] }],
    parameters: [...pathParameters(route, path, book), ...queryParameters(route, book)],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: {
      200: answerOf(route, book),
      ...Object.fromEntries(
        Object.keys(failures).map((status) => [status, { $ref: `#/components/responses/Failure${status}` }]),
      ),
    },
  };
}

function pathParameters(route: AnyRoute, path: string, book: SchemaBook): Parameter[] {
  const known = route.params === undefined ? {} : (book.of(route.params, 'input').properties ?? {});
  return [...path.matchAll(/:(\w+)/g)].map(([, name = '']) =>
    parameter(name, 'path', true, known[name] ?? { type: 'string' }),
  );
}

function queryParameters(route: AnyRoute, book: SchemaBook): Parameter[] {
  if (route.query === undefined) return [];
  const { properties = {}, required = [] } = book.of(route.query, 'input');
  return Object.entries(properties).map(([name, schema]) => parameter(name, 'query', required.includes(name), schema));
}

function parameter(name: string, where: Parameter['in'], required: boolean, given: JSONSchema): Parameter {
  const { description, ...schema } = given;
  return { name, in: where, required, ...(description === undefined ? {} : { description }), schema };
}

function bodyOf(route: AnyRoute, book: SchemaBook): Operation['requestBody'] | undefined {
  const { upload } = route;
  if (route.body === undefined && upload === undefined) return undefined;
  const schema = route.body === undefined ? { type: 'object' } : withAliases(book.of(route.body, 'input'), route);
  const example = route.example === undefined ? {} : { example: route.example };
  const parts: JSONSchema = { type: 'object', properties: {}, required: [] };
  if (upload !== undefined) {
    const file = { type: 'string', contentMediaType: 'application/octet-stream', description: upload.description };
    parts.properties = { [upload.part]: file };
    if (upload.required) parts.required = [upload.part];
  }
  const multipart: JSONSchema = {
    ...parts,
    properties: { ...parts.properties, json: { ...schema, description: 'The parameters as one JSON object.' } },
  };
  const form = { schema, ...example };
  return {
    required: upload?.required === true || (schema.required ?? []).length > 0,
    content:
      upload?.required === true
        ? { 'multipart/form-data': { schema: multipart } }
        : {
            'application/json': form,
            'application/x-www-form-urlencoded': form,
            'multipart/form-data': { schema: multipart },
          },
  };
}

function withAliases(schema: JSONSchema, route: AnyRoute): JSONSchema {
  const properties: Record<string, JSONSchema> = { ...schema.properties };
  for (const [alias, name] of Object.entries(route.aliases ?? {})) {
    const own = properties[name];
    if (own === undefined) continue;
    const note = `Also accepted as \`${alias}\`.`;
    properties[name] = { ...own, description: own.description === undefined ? note : `${own.description} ${note}` };
  }
  return { ...schema, properties };
}

function answerOf(route: AnyRoute, book: SchemaBook): unknown {
  const { result } = route;
  if (result === 'text') return { description: 'Text.', content: { 'text/plain': { schema: { type: 'string' } } } };
  if (result === 'html') return { description: 'A page.', content: { 'text/html': { schema: { type: 'string' } } } };
  if (result === 'events') {
    const description = 'Server-sent events until the end.';
    return { description, content: { 'text/event-stream': { schema: { type: 'string' } } } };
  }
  return { description: 'Done.', content: { 'application/json': { schema: book.of(result, 'output') } } };
}
