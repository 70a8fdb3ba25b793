import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { ApiClient } from '../../operator/client.ts';
import type { Condition } from '../../operator/conditions.ts';
import { isTrue } from '../../operator/conditions.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';
import { eventually } from '../../operator/testing/harness.ts';

interface CustomResourceDefinition extends KubeObject {
  status?: { conditions?: Condition[] };
}

const Crds: ResourceType<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

const GENERATED = join(import.meta.dirname, '../../crds/generated');

/** Installs the CRDs that the chart ships. Several test files may do so at a time. */
export async function installCRDs(client: ApiClient): Promise<void> {
  const files = (await readdir(GENERATED)).filter((name) => name.endsWith('.yaml'));
  for (const file of files) {
    const definition = parse(await readFile(join(GENERATED, file), 'utf8')) as CustomResourceDefinition;
    await client.apply(Crds, definition, { manager: 'kopr-test' });
    const established = async (): Promise<boolean> => {
      const found = await client.get(Crds, definition.metadata.name);
      return isTrue(found?.status?.conditions, 'Established');
    };
    await eventually(`the CRD ${definition.metadata.name}`, established, 30_000);
  }
}
