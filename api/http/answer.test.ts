import { expect, test } from 'vitest';
import { DeadlineError } from '../../lib/errors.ts';
import { apiErrorFrom } from '../../operator/apiError.ts';
import { DatabaseAway } from '../db/errors.ts';
import { failureOf } from './answer.ts';
import { badFields, NotAuthenticated, notFound, unavailable } from './errors.ts';
import { Stopping } from './in-flight.ts';

function cluster(status: number, reason: string, message: string): Error {
  return apiErrorFrom('POST', '/apis/kopr.dev/v1/secret-path', status, JSON.stringify({ reason, message }));
}

test.each([
  ['a form error', badFields({ name: 'is taken', repos: 'is no URL' }), 400, /^name: is taken\nrepos: is no URL$/],
  ['what is not there', notFound('Build 7 does not exist.'), 404, /^Build 7 does not exist\.$/],
  ['no credentials', new NotAuthenticated('No.'), 401, /^No\. .*http:\/\/copr\.test\/api /],
  ['a database that is away', new DatabaseAway('connect ECONNREFUSED 10.0.0.7'), 503, /^The database of kopr/],
  ['a deadline', new DeadlineError('build.list', 30_000), 503, /too long/],
  ['a stop', new Stopping(), 503, /stopping/],
  ['an object the schema refuses', cluster(422, 'Invalid', 'spec.chroots: too many'), 400, /^spec\.chroots: too many$/],
  ['a conflict', cluster(409, 'Conflict', 'object has been modified'), 409, /try again/],
  ['an object that went away', cluster(404, 'NotFound', 'builds "x" not found'), 404, /any more/],
  ['a quota', cluster(403, 'Forbidden', 'exceeded quota: builds'), 403, /exceeded quota/],
  ['a right that kopr lacks', cluster(403, 'Forbidden', 'cannot create builds'), 500, /log/],
  ['an overloaded API server', cluster(429, 'TooManyRequests', 'later'), 503, /cluster/],
  ['a broken API server', cluster(500, 'InternalError', 'etcd'), 503, /cluster/],
  ['a bug', new TypeError('cannot read properties of undefined'), 500, /^kopr failed/],
  ['something that is no error', 'text', 500, /^kopr failed/],
])('%s', (_what, error, status, message) => {
  const failure = failureOf(error, 'http://copr.test');
  expect([failure.status, failure.body.error]).toEqual([status, expect.stringMatching(message)]);
  expect(JSON.stringify(failure.body)).not.toMatch(/secret-path|ECONNREFUSED|undefined/);
  expect(failure.body.output).toBe(status === 401 ? 'notok' : undefined);
});

test('only what is our fault is logged as such', () => {
  expect(failureOf(notFound('x'), '').serious).toBe(false);
  expect(failureOf(new Stopping(), '').serious).toBe(false);
  expect(failureOf(new Error('x'), '').serious).toBe(true);
});

test('a client learns when to try again', () => {
  expect(failureOf(unavailable('x', 7), '').headers).toEqual({ 'Retry-After': '7' });
});
