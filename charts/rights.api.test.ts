/** What RBAC lets the parts of kopr do, and people with the roles that it brings. */
import { describe, expect, it } from 'vitest';
import type { Json, TestApi } from '../crds/testing/api.ts';
import { account, useInstalledApi } from './testing/installed-api.ts';

let api: TestApi;
const NAMESPACE = 'kopr-system';

useInstalledApi([], async (installed) => {
  ({ api } = installed);
});

describe('rights', () => {
  const kopr = (resource: string): Json => ({ group: 'kopr.dev', resource });

  it.each<[string, string, Json, boolean]>([
    ['operator', 'create', { namespace: 'kopr-builds', resource: 'pods' }, true],
    ['operator', 'patch', { namespace: 'demo', ...kopr('builds'), subresource: 'status' }, true],
    ['operator', 'list', { ...kopr('projects') }, true],
    ['operator', 'create', { namespace: 'demo', resource: 'pods' }, false],
    ['operator', 'create', { namespace: NAMESPACE, resource: 'pods' }, false],
    ['operator', 'get', { namespace: NAMESPACE, resource: 'secrets' }, false],
    ['operator', 'get', { namespace: 'demo', resource: 'secrets' }, false],
    ['operator', 'create', { namespace: 'kopr-builds', resource: 'pods', subresource: 'exec' }, false],
    ['operator', 'patch', { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' }, false],
    ['operator', 'patch', { group: 'admissionregistration.k8s.io', resource: 'validatingadmissionpolicies' }, false],
    ['api', 'create', { namespace: 'demo', ...kopr('builds') }, true],
    ['api', 'delete', { namespace: 'demo', ...kopr('projects') }, true],
    ['api', 'create', { resource: 'namespaces' }, true],
    ['api', 'delete', { resource: 'namespaces', name: 'demo' }, false],
    ['api', 'patch', { namespace: 'demo', ...kopr('buildquotas') }, true],
    ['api', 'create', { group: 'authentication.k8s.io', resource: 'tokenreviews' }, true],
    ['api', 'patch', { namespace: NAMESPACE, resource: 'configmaps', name: 'kopr-build-ids' }, true],
    ['api', 'patch', { namespace: NAMESPACE, resource: 'configmaps', name: 'kopr-web' }, false],
    ['api', 'patch', { namespace: 'demo', ...kopr('builds'), subresource: 'status' }, false],
    ['api', 'create', { namespace: 'demo', ...kopr('chrootbuilds') }, false],
    ['api', 'patch', { ...kopr('chroots') }, false],
    ['api', 'get', { namespace: NAMESPACE, resource: 'secrets' }, false],
    ['api', 'create', { namespace: 'demo', resource: 'pods' }, false],
    ['api', 'create', { namespace: 'demo', group: 'rbac.authorization.k8s.io', resource: 'rolebindings' }, false],
    ['postgres', 'get', { namespace: NAMESPACE, resource: 'secrets' }, false],
    ['bootstrap', 'patch', kopr('chroots'), true],
    ['bootstrap', 'patch', { namespace: 'kopr-builds', ...kopr('builderpools') }, true],
    ['bootstrap', 'patch', { namespace: 'demo', ...kopr('projects') }, false],
    ['bootstrap', 'get', { namespace: NAMESPACE, resource: 'secrets' }, false],
    ['publisher', 'get', { namespace: NAMESPACE, resource: 'secrets' }, false],
    ['keygen', 'list', { ...kopr('projects') }, false],
  ])('of %s: may it %s %j? %s', async (name, verb, resource, allowed) => {
    const review = await api.ok('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: { user: account(NAMESPACE, `kopr-${name}`), resourceAttributes: { verb, ...resource } },
    });
    expect((review.status as { allowed: boolean }).allowed).toBe(allowed);
  });

  it('of somebody with the role kopr-edit end at what kopr makes itself', async () => {
    const role = await api.ok('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/kopr-edit');
    expect(JSON.stringify(role.rules)).not.toMatch(
      /chrootbuilds|buildertickets|builders|builderpools|buildquotas|status/,
    );
  });
});
