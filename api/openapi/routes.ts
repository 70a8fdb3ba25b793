import { z } from 'zod';

import { Reply } from '../http/reply.ts';
import { type AnyRoute, defineRoute } from '../http/route.ts';
import { docsPage } from './docs-page.ts';
import { openapiDocument } from './document.ts';
import { html } from './html.ts';
import { pageReply } from './page.ts';

/** Version of the API as such; it changes when the answers do. */
export const API_VERSION = '3';

/** The routes that describe the others. Everything is made once, when it is first asked for. */
export function docsRoutes(described: readonly AnyRoute[]): readonly AnyRoute[] {
  const all: AnyRoute[] = [...described];
  const document = once(() => openapiDocument(all, API_VERSION));
  const text = once(() => JSON.stringify(document()));
  const page = once(() => docsPage(document()));
  const own = [
    defineRoute({
      operation: 'docs.openapi',
      methods: ['GET'],
      path: '/openapi.json',
      oldPaths: ['/swagger.json'],
      summary: 'This API as an OpenAPI 3.1 document',
      access: 'anyone',
      result: z.looseObject({ openapi: z.string(), paths: z.looseObject({}) }),
      handle: async () => new Reply({ headers: { 'Content-Type': 'application/json' }, body: text() }),
    }),
    defineRoute({
      operation: 'docs.page',
      methods: ['GET'],
      path: '/docs',
      summary: 'This API as a page',
      access: 'anyone',
      hidden: true,
      result: 'html',
      handle: async () => page(),
    }),
    defineRoute({
      operation: 'docs.home',
      methods: ['GET'],
      base: '',
      path: '/',
      summary: 'What this is',
      access: 'anyone',
      hidden: true,
      result: 'html',
      handle: async ({ services }) => homePage(services.config.frontendURL),
    }),
    defineRoute({
      operation: 'docs.token',
      methods: ['GET'],
      base: '',
      path: '/api',
      summary: 'How to get a token',
      access: 'anyone',
      hidden: true,
      result: 'html',
      handle: async ({ services }) => tokenPage(services.config.frontendURL),
    }),
  ];
  all.push(...own);
  return own;
}

function homePage(frontendURL: string): Reply {
  return pageReply(
    'kopr',
    html`<h1>kopr</h1>
<p>This site builds, signs and publishes RPM packages. It speaks the API of Copr: <code>copr-cli</code> and
<code>dnf copr</code> work with it as they are.</p>
<ul><li><a href="/api_3/docs">The API</a>, and the same as <a href="/api_3/openapi.json">OpenAPI 3.1</a></li>
<li><a href="/api">How to get a token and set up copr-cli</a></li></ul>
<h2>Use a project</h2>
<p>For dnf, name this site once in <code>/etc/dnf/plugins/copr.d/kopr.conf</code>:</p>
<pre>${dnfHub(frontendURL)}</pre>
<pre>dnf copr enable kopr/OWNER/PROJECT</pre>`,
  );
}

function tokenPage(frontendURL: string): Reply {
  const plain = frontendURL.startsWith('http://') ? '\nencrypted = no' : '';
  return pageReply(
    'API tokens of kopr',
    html`<h1>API tokens</h1>
<p>An administrator of this site gives you a token. Whoever may use <code>kubectl exec</code> in the namespace of kopr
makes one, with a ready configuration, by:</p>
<pre>kubectl -n kopr-system exec deploy/kopr-api -- /usr/local/bin/node /opt/kopr/api.mjs admin token add NAME --copr-config</pre>
<p>Put what it prints into <code>~/.config/copr</code>. It has this form:</p>
<pre>[copr-cli]
username = NAME
login = …
token = …
copr_url = ${frontendURL}${plain}</pre>
<p>Then <code>copr-cli list</code> and <code>copr-cli create</code> work. <code>copr-cli new-api-token</code> exchanges
the token for a new one before it expires.</p>`,
  );
}

function dnfHub(frontendURL: string): string {
  const { hostname, protocol, port } = new URL(frontendURL);
  const lines = ['[kopr]', `hostname = ${hostname}`, `protocol = ${protocol.replace(':', '')}`];
  return [...lines, ...(port === '' ? [] : [`port = ${port}`])].join('\n');
}

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
