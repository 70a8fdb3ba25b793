import { describe, expect, it } from 'vitest';
import type { RbacRule } from '../operator/rbac.ts';
import { API, OPERATOR, rbacTemplates } from './rbac.ts';

describe('rbacTemplates', () => {
  const rules: RbacRule[] = [
    { group: 'kopr.dev', resources: ['projects'], verbs: ['watch', 'list'], scope: 'cluster' },
    { group: 'kopr.dev', resources: ['builds'], verbs: ['list', 'watch'], scope: 'cluster' },
    { group: '', resources: ['pods'], verbs: ['create'], scope: 'builds' },
    { group: '', resources: ['secrets'], verbs: ['create'], resourceNames: ['one', 'two'], scope: 'builds' },
  ];
  const text = rbacTemplates(rules, OPERATOR);

  it('makes a ClusterRole for what holds everywhere and a Role for what holds in one namespace, each with its binding', () => {
    expect(text.match(/^kind: .*$/gm)).toEqual([
      'kind: ClusterRole',
      'kind: ClusterRoleBinding',
      'kind: Role',
      'kind: RoleBinding',
    ]);
    expect(text).toContain('namespace: {{ .Values.buildsNamespace.name }}');
  });

  it('makes no role for a scope that no rule has', () => {
    expect(text).not.toContain('In the namespace of kopr.');
  });

  it('puts resources of a group with the same verbs into one rule', () => {
    expect(text).toContain(
      '  - apiGroups: [kopr.dev]\n    resources:\n      - builds\n      - projects\n    verbs: [list, watch]\n',
    );
  });

  it('writes the core group as an empty string', () => {
    expect(text).toContain('  - apiGroups: [""]\n    resources:\n      - pods\n    verbs: [create]\n');
  });

  it('limits a rule to the objects that it names', () => {
    expect(text).toContain(
      '    resources:\n      - secrets\n    resourceNames:\n      - one\n      - two\n    verbs: [create]\n',
    );
  });

  it('binds every role to the service account of the operator', () => {
    expect(text.match(/name: \{\{ include "kopr\.operatorServiceAccount" \. \}\}/g)).toHaveLength(2);
  });

  it('names those of another component after it, and leaves them out with it', () => {
    const other = rbacTemplates(rules, API);
    expect(other).toMatch(/^\{\{- \/\*.*\*\/ -\}\}\n\{\{- if \.Values\.api\.enabled \}\}\n/);
    expect(other.endsWith('{{- end }}\n')).toBe(true);
    expect(other.match(/name: \{\{ include "kopr\.apiServiceAccount" \. \}\}/g)).toHaveLength(2);
    expect(other).not.toContain('operator');
  });
});
