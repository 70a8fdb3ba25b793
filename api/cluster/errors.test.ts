import { expect, test } from 'vitest';
import { DeadlineError } from '../../lib/errors.ts';
import type { StatusCause } from '../../operator/apiError.ts';
import { ApiError as KubeError } from '../../operator/apiError.ts';
import { translate } from './errors.ts';

function kube(status: number, message: string, causes: StatusCause[] = []): KubeError {
  return new KubeError({ status, reason: 'X', message, method: 'POST', path: '/secret/path', details: { causes } });
}

test.each([
  [
    'a rule of the schema',
    kube(422, 'Project.kopr.dev "x" is invalid: …', [
      { field: 'spec.homepage', message: 'Invalid value: "a: \\"b\\"": must be a URL' },
      { field: 'spec.homepage', message: 'Invalid value: "a: \\"b\\"": must be a URL' },
      { field: 'spec.id', message: 'Invalid value: 7: must be small' },
      { field: '<nil>', message: 'Invalid value: "null": rules were not checked' },
    ]),
    400,
    'spec.homepage: must be a URL\nspec.id: must be small\nrules were not checked',
  ],
  ['a value without a sentence', kube(422, 'x', [{ field: 'f', message: 'Required value' }]), 400, 'f: Required value'],
  [
    'a policy',
    kube(
      403,
      "builds is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no such sources here",
    ),
    403,
    'no such sources here',
  ],
  [
    'a quota',
    kube(
      403,
      'x is forbidden: exceeded quota: q, requested: count/projects.kopr.dev=1, used: count/projects.kopr.dev=5, limited: count/projects.kopr.dev=5',
    ),
    403,
    'The quota of this owner is used up (count/projects.kopr.dev=5 of count/projects.kopr.dev=5); delete something or ask the administrator for more.',
  ],
  [
    'a namespace at its end',
    kube(403, 'x', [{ reason: 'NamespaceTerminating' }]),
    409,
    'The namespace of this owner is being deleted; try again when it is gone.',
  ],
  ['what is gone', kube(404, 'x'), 404, 'Thing does not exist any more.'],
  ['a conflict', kube(409, 'x'), 409, 'Thing was changed by somebody else at the same time; try again.'],
  ['too many requests', kube(429, 'x'), 503, 'The cluster cannot be asked now; try again in a moment.'],
  [
    'a sick API server',
    kube(500, 'etcdserver: timeout'),
    503,
    'The cluster cannot be asked now; try again in a moment.',
  ],
  [
    'an object that etcd does not take',
    kube(500, 'etcdserver: request is too large'),
    413,
    'Thing is too large for the cluster; make its texts shorter.',
  ],
  ['a deadline', new DeadlineError('GET /x', 5_000), 503, 'The cluster cannot be asked now; try again in a moment.'],
  [
    'a refused connection',
    Object.assign(new Error('connect'), { cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) }),
    503,
    'The cluster cannot be asked now; try again in a moment.',
  ],
])('%s is told in words that help, without paths', (_what, error, status, message) => {
  expect(translate(error, 'Thing')).toMatchObject({ status, message });
});

test('what is kopr’s own fault is left for the log', () => {
  const lacking = kube(
    403,
    'projects.kopr.dev is forbidden: User "system:serviceaccount:kopr-system:api" cannot create',
  );
  expect(translate(lacking, 'Thing')).toBe(lacking);
  const bug = new TypeError('x is not a function');
  expect(translate(bug, 'Thing')).toBe(bug);
});
