import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { basic, type Rig, startRig } from './testing/rig.ts';
import { testRoutes } from './testing/routes.ts';

/** Whatever bytes a client sends: an answer below 500 that is whole, or the end of the connection; never a hang. */

const hash = createHash('sha256').update('a').digest();
let rig: Rig;

beforeAll(async () => {
  const routes = testRoutes({ discarded: [], received: [], reads: 0, aborted: [] });
  // These two fail, or last, whatever is sent.
  const calm = routes.filter(({ operation }) => !['test.crash', 'test.slow', 'test.stream'].includes(operation));
  const user = { id: 1, name: 'alice', isAdmin: false };
  rig = await startRig(calm, {
    tokens: {
      byLogin: () => Promise.resolve({ tokenID: 1, hash, expiresAt: Infinity, revokedAt: null, user, groups: [] }),
    },
  });
});
afterAll(() => rig.stop());

const word = fc.oneof(
  fc.constantFrom(
    'thing',
    'edit',
    'delete',
    'alice',
    'p',
    'list',
    'upload',
    'auth-check',
    'build',
    'create',
    'url',
    '',
  ),
  fc.string({ maxLength: 12 }).map((text) => encodeURIComponent(text.toWellFormed())),
  fc.constantFrom('%', '%00', '%2F', '..', '%2e%2e', '{}', "'", '*', ':', '%F0%9F', '~', '@g'),
);
const path = fc.oneof(
  fc.constantFrom('/api_3/thing/edit/alice/p', '/api_3/thing/delete', '/api_3/upload', '/api_3/build/create/url'),
  fc.array(word, { maxLength: 6 }).map((words) => `/api_3/${words.join('/')}`),
);
const query = fc.array(fc.tuple(fc.constantFrom('limit', 'offset', 'order', 'ownername', 'x'), fc.string()), {
  maxLength: 3,
});
const part = fc.tuple(
  fc.constantFrom('json', 'pkgs', 'name', 'chroots', '', '__proto__'),
  fc.constantFrom('', '; filename="x.src.rpm"', '; filename=""', '; filename="json"'),
  fc.oneof(fc.json(), fc.string({ unit: 'binary' })),
);
const body = fc.oneof(
  fc.json().map((text) => ['application/json', text] as const),
  fc.string({ unit: 'binary' }).map((text) => ['application/json', text] as const),
  fc.string().map((text) => ['application/x-www-form-urlencoded', text] as const),
  fc.tuple(fc.array(part, { maxLength: 4 }), fc.boolean()).map(([parts, whole]) => {
    const text = parts.map(
      ([name, file, value]) => `--B\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n`,
    );
    return ['multipart/form-data; boundary=B', `${text.join('')}${whole ? '--B--\r\n' : ''}`] as const;
  }),
  fc
    .tuple(fc.string({ maxLength: 30 }), fc.string())
    .map(([type, text]) => [type.replace(/[^\x20-\x7e]/g, ''), text] as const),
);

test('every request gets a whole answer that blames the client or nobody', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS', 'QUERY'),
      path,
      query,
      body,
      fc.constantFrom(basic('alice', 'a'), basic('alice', 'b'), 'Basic', 'x'),
      async (method, where, pairs, [type, text], authorization) => {
        const content = Buffer.from(text);
        const head = [
          `${method} ${where.replaceAll(/\s/g, '')}?${new URLSearchParams(pairs).toString()} HTTP/1.1`,
          'Host: x',
          'Connection: close',
          `Authorization: ${authorization}`,
          `Content-Type: ${type}`,
          `Content-Length: ${content.length}`,
        ];
        const answer = await exchange(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), content]));
        const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
        expect(status).toBeGreaterThanOrEqual(200);
        expect(status).toBeLessThan(500);
        if (method === 'HEAD' || /content-type: text\//i.test(answer)) return;
        const json: unknown = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
        expect(Object.hasOwn(json as object, 'error')).toBe(status !== 200);
      },
    ),
    { numRuns: 800 },
  );
  expect(rig.inFlight.size).toBe(0);
});

test('bytes that are no HTTP end the connection', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      const answer = await exchange(Buffer.concat([bytes, Buffer.from('\r\n\r\n')]));
      expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d [\s\S]*\{"error":.*\})?$/);
    }),
    { numRuns: 200 },
  );
});

/** All that comes back until the server ends the connection; rejects after 5 s. */
function exchange(bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(rig.url).port), '127.0.0.1', () => socket.end(bytes));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.setTimeout(5_000, () => socket.destroy(new Error('neither an answer nor an end within 5 s')));
  });
}
