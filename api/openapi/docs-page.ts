import type { Reply } from '../http/reply.ts';
import type { OpenAPIDocument, Operation } from './document.ts';
import { type Html, html } from './html.ts';
import { pageReply } from './page.ts';
import type { JSONSchema } from './schemas.ts';

interface Listed {
  method: string;
  path: string;
  operation: Operation;
}

/** Every operation by group, with what it takes and gives. */
export function docsPage(document: OpenAPIDocument): Reply {
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
  const groups = document.tags.map(({ name }) => ({
    name,
    current: all.filter(({ operation }) => operation.tags[0] === name && operation.deprecated !== true),
    deprecated: all.filter(({ operation }) => operation.tags[0] === name && operation.deprecated === true),
  }));
  return pageReply(
    'API of kopr',
    html`<h1>API of kopr</h1>
${document.info.description.split('\n\n').map((text) => html`<p>${withCode(text)}</p>`)}
<p>The same as <a href="/api_3/openapi.json">OpenAPI 3.1</a>. Calls marked with a key need an <a href="/api">API token</a>.</p>
<nav><ul>${groups.map(({ name }) => html`<li><a href="#${name}">${name}</a></li>`)}</ul></nav>
${groups.map(
  ({ name, current, deprecated }) => html`<section id="${name}"><h2>${name}</h2>
${current.map((listed) => operationHtml(listed, document))}
${deprecated.length === 0 ? undefined : html`<p><small>Also answered, for old clients: ${joined(deprecated)}.</small></p>`}</section>`,
)}
<h2>Failures</h2>${failures(document)}`,
  );
}

function operationHtml({ method, path, operation }: Listed, document: OpenAPIDocument): Html {
  const key = operation.security.some((scheme) => 'apiToken' in scheme) ? ' 🔑' : '';
  return html`<details id="${operation.operationId}"><summary><b class="m ${method}">${method}</b> <code>${path}</code>${key}<small>${operation.summary}</small></summary><div>
${operation.description === undefined ? undefined : html`<p>${withCode(operation.description)}</p>`}
${parametersHtml(operation)}${bodyHtml(operation, document)}${answerHtml(operation, document)}
</div></details>`;
}

function parametersHtml({ parameters }: Operation): Html | undefined {
  if (parameters.length === 0) return undefined;
  const rows = parameters.map(({ name, in: where, required, description, schema }) =>
    row(name, where, typeOf(schema), required, description ?? ''),
  );
  return html`<h3>Parameters</h3>${table(rows)}`;
}

function bodyHtml({ requestBody }: Operation, document: OpenAPIDocument): Html | undefined {
  if (requestBody === undefined) return undefined;
  const [kind, content] = Object.entries(requestBody.content)[0] ?? [];
  if (kind === undefined || content === undefined) return undefined;
  const { example } = content;
  const sample = example === undefined ? undefined : html`<pre>${JSON.stringify(example, null, 2)}</pre>`;
  const inner = content.schema.properties?.json;
  const parts = inner === undefined ? content.schema : { ...content.schema, properties: partsOf(content.schema) };
  return html`<h3>Body <small>${Object.keys(requestBody.content).join(', ')}</small></h3>
${membersHtml(parts, document)}${inner === undefined ? undefined : html`<h3>Parameters in the part <code>json</code></h3>${membersHtml(inner, document)}`}${sample}`;
}

/** The parts without the parameters, which have a table of their own. */
function partsOf(schema: JSONSchema): Record<string, JSONSchema> {
  return Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([name]) => name !== 'json'));
}

function answerHtml({ responses }: Operation, document: OpenAPIDocument): Html {
  const answer = responses[200] as { description: string; content: Record<string, { schema: JSONSchema }> };
  const [kind, content] = Object.entries(answer.content)[0] ?? [];
  return html`<h3>Answer <small>${kind}</small></h3>${content === undefined ? undefined : membersHtml(content.schema, document)}`;
}

function membersHtml(schema: JSONSchema, document: OpenAPIDocument): Html | undefined {
  const { properties, required = [] } = resolve(schema, document);
  if (properties === undefined || Object.keys(properties).length === 0) return undefined;
  const rows = Object.entries(properties).map(([name, member]) =>
    row(name, '', typeOf(member), required.includes(name), resolve(member, document).description ?? ''),
  );
  return table(rows);
}

function resolve(schema: JSONSchema, document: OpenAPIDocument): JSONSchema {
  const name = typeof schema.$ref === 'string' ? schema.$ref.split('/').at(-1) : undefined;
  const schemas = document.components.schemas as Record<string, JSONSchema>;
  return (name === undefined ? undefined : schemas[name]) ?? schema;
}

function table(rows: Html[]): Html {
  return html`<div class="scroll"><table>${rows}</table></div>`;
}

function row(name: string, where: string, type: string, required: boolean, description: string): Html {
  const mark = required ? ', required' : '';
  return html`<tr><td><code>${name}</code></td><td><small>${where === '' ? '' : `${where}, `}${type}${mark}</small></td><td>${withCode(description)}</td></tr>`;
}

function typeOf(schema: JSONSchema): string {
  if (typeof schema.$ref === 'string') return schema.$ref.split('/').at(-1) ?? '';
  if (Array.isArray(schema.enum)) return schema.enum.join(' | ');
  if (Array.isArray(schema.anyOf)) return (schema.anyOf as JSONSchema[]).map(typeOf).join(' or ');
  if (schema.type === 'array') return `list of ${typeOf((schema.items ?? {}) as JSONSchema)}`;
  return schema.type ?? 'any';
}

function failures(document: OpenAPIDocument): Html {
  const responses = document.components.responses as Record<string, { description: string }>;
  const rows = Object.entries(responses).map(
    ([name, { description }]) =>
      html`<tr><td><code>${name.replace('Failure', '')}</code></td><td>${withCode(description)}</td></tr>`,
  );
  return table(rows);
}

function joined(deprecated: Listed[]): Html[] {
  return deprecated.map(({ method, path }, index) => html`${index === 0 ? '' : ', '}<code>${method} ${path}</code>`);
}

/** Text in which backticks mark code. */
function withCode(text: string): Html[] {
  return text.split('`').map((part, index) => (index % 2 === 0 ? html`${part}` : html`<code>${part}</code>`));
}
