/** Every owner has a namespace. Those of users and groups of the API are made here. */
import { createHash } from 'node:crypto';
import { OWNER_ANNOTATION, ownerOf } from '../../crds/owner.ts';
import type { ApiClient } from '../../operator/apiClient.ts';
import type { Namespace } from '../../operator/core.ts';
import { Namespaces } from '../../operator/core.ts';
import { badRequest, conflict } from '../http/errors.ts';
import { translated } from './errors.ts';
import type { FreshStore } from './fresh-store.ts';
import type { TemplateObject } from './owner-template.ts';
import { WRITE_MS } from './patching.ts';
import type { OwnerNamespaces, ProjectLookups } from './world.ts';

/** Namespaces that users and groups of the API may own. */
export const OWNER_LABEL = 'kopr.dev/owner-namespace';
/** Set when all objects of the template are there: whoever made the namespace may have died in between. */
const FURNISHED_ANNOTATION = 'kopr.dev/owner-furnished';
const MANAGER = 'kopr-api';
const OWNER = /^@?[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export interface OwnerDeps {
  client: ApiClient;
  namespaces: FreshStore<Namespace>;
  lookups: Pick<ProjectLookups, 'namespaceOf'>;
  template: readonly TemplateObject[];
  /** Of the release and of builds. */
  reserved: readonly string[];
}

export function ownerNamespaces(deps: OwnerDeps): OwnerNamespaces {
  const { client, namespaces, lookups, template } = deps;

  function problem(owner: string, options: { adopt?: boolean | undefined } = {}): string | undefined {
    if (!OWNER.test(owner)) {
      return `"${owner}" cannot own projects: a name is letters, digits and . _ -, at most 64, and begins with a letter or digit`;
    }
    const name = lookups.namespaceOf(owner) ?? namespaceNameFor(owner);
    if (isReserved(name) || owner.startsWith('owner-')) return `the name ${owner} is reserved; choose another one`;
    return namespaceProblem(owner, namespaces.get(name), options.adopt ?? false);
  }

  function isReserved(name: string): boolean {
    return name === 'default' || name.startsWith('kube-') || deps.reserved.includes(name);
  }

  async function ensure(owner: string, adopt: boolean, signal: AbortSignal | undefined): Promise<string> {
    const found = problem(owner, { adopt });
    if (found !== undefined) throw badRequest(`${found[0]?.toUpperCase()}${found.slice(1)}.`);
    const name = lookups.namespaceOf(owner) ?? namespaceNameFor(owner);
    const cached = namespaces.get(name);
    if (cached !== undefined && isFurnished(cached)) return name;
    const options = { ...(signal === undefined ? {} : { signal }), timeoutMs: WRITE_MS };
    // Neither the cache nor anything else may lag here: a namespace that is no owner's must not become one by accident.
    const live = await client.get(Namespaces, name, options);
    const objection = namespaceProblem(owner, live, adopt);
    if (objection !== undefined) throw badRequest(`${objection[0]?.toUpperCase()}${objection.slice(1)}.`);
    if (live?.metadata.deletionTimestamp !== undefined) {
      throw conflict(`The namespace of ${owner} is being deleted; try again when it is gone.`);
    }
    if (live !== undefined && isFurnished(live)) {
      namespaces.wrote(live);
      return name;
    }
    await write(owner, name, false, options);
    for (const { type, object } of template) {
      const metadata = { ...object.metadata, namespace: name };
      await client.apply(type, { ...object, metadata }, { ...options, manager: MANAGER });
    }
    await write(owner, name, true, options);
    return name;
  }

  async function write(owner: string, name: string, furnished: boolean, options: { timeoutMs: number }): Promise<void> {
    const annotations = {
      ...(name === owner ? {} : { [OWNER_ANNOTATION]: owner }),
      ...(furnished ? { [FURNISHED_ANNOTATION]: 'true' } : {}),
    };
    const metadata = { name, labels: { [OWNER_LABEL]: 'true' }, annotations };
    namespaces.wrote(await client.apply(Namespaces, { metadata }, { ...options, manager: MANAGER }));
  }

  return {
    problem,
    ensure: (owner, { adopt = false, signal }) =>
      translated(`The namespace of ${owner}`, () => ensure(owner, adopt, signal)),
  };
}

function isFurnished({ metadata }: Namespace): boolean {
  return metadata.labels?.[OWNER_LABEL] === 'true' && metadata.annotations?.[FURNISHED_ANNOTATION] === 'true';
}

function namespaceProblem(owner: string, namespace: Namespace | undefined, adopt: boolean): string | undefined {
  if (namespace === undefined) return undefined;
  const { name, labels } = namespace.metadata;
  const holder = ownerOf(namespace);
  if (!('owner' in holder) || holder.owner !== owner) {
    return `the namespace ${name} that ${owner} would get belongs to somebody else; choose another name`;
  }
  if (labels?.[OWNER_LABEL] === 'true' || adopt) return undefined;
  return `there is a namespace ${name} that was not made for a user or group of the API; an administrator may hand it over with --adopt`;
}

/** The owner's own name if a namespace can have it. Names that begin with `owner-` are nobody's own. */
export function namespaceNameFor(owner: string): string {
  if (LABEL.test(owner)) return owner;
  const kept = owner
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  const digest = createHash('sha256').update(owner).digest('hex').slice(0, 10);
  return kept === '' ? `owner-${digest}` : `owner-${kept}-${digest}`;
}
