/** Packages, Chroots and Removals, from the caches. */
import type { Chroot } from '../../crds/chroot.ts';
import { packageNameOf } from '../../crds/names.ts';
import type { Package } from '../../crds/package.ts';
import type { Removal } from '../../crds/removal.ts';
import { hasSucceeded, isComplete } from '../../crds/states.ts';
import { keyOf } from '../../operator/resource.ts';
import { projectKey } from './builds.ts';
import type { FreshStore } from './fresh-store.ts';
import type { OtherLookups } from './world.ts';

export interface OtherStores {
  packages: FreshStore<Package>;
  chroots: FreshStore<Chroot>;
  removals: FreshStore<Removal>;
}

export function otherLookups({ packages, chroots, removals }: OtherStores): OtherLookups {
  const sortedPackages = new Map<string, readonly Package[]>();
  let names: Map<string, string[]> | undefined;
  let sortedChroots: readonly Chroot[] | undefined;
  let revision = 0;

  packages.addIndex('project', (pkg) => [projectKey(pkg)]);
  packages.addIndex('name', (pkg) => [`${projectKey(pkg)}/${packageNameOf(pkg)}`]);
  packages.onChange((pkg) => {
    sortedPackages.delete(projectKey(pkg));
    names = undefined;
  });
  // The number alone is not enough: a tenant may make a Removal that names the builds of others; it removes nothing.
  removals.addIndex('build', (removal) =>
    counts(removal) ? removal.spec.builds.map((number) => `${projectKey(removal)}/${number}`) : [],
  );
  removals.addIndex('project', (removal) => (counts(removal) ? [projectKey(removal)] : []));
  chroots.onChange(() => {
    sortedChroots = undefined;
    revision += 1;
  });

  function allChroots(): readonly Chroot[] {
    chroots.settle();
    sortedChroots ??= chroots.list().sort((a, b) => order(a.spec.name, b.spec.name));
    return sortedChroots;
  }

  return {
    packagesOf(project) {
      packages.settle();
      const key = keyOf(project.project);
      const known = sortedPackages.get(key);
      if (known !== undefined) return known;
      const found = packages.byIndex('project', key).sort((a, b) => order(packageNameOf(a), packageNameOf(b)));
      sortedPackages.set(key, found);
      return found;
    },
    package: (project, name) => packages.byIndex('name', `${keyOf(project.project)}/${name}`)[0],
    packageNames() {
      packages.settle();
      if (names !== undefined) return names;
      const made = new Map<string, string[]>();
      for (const pkg of packages.list()) {
        const own = made.get(projectKey(pkg)) ?? [];
        own.push(packageNameOf(pkg).toLowerCase());
        made.set(projectKey(pkg), own);
      }
      names = made;
      return made;
    },
    chroots: allChroots,
    chroot: (name) => allChroots().find((chroot) => chroot.spec.name === name),
    chrootRevision: () => revision,
    isBeingRemoved: ({ project }, number) => removals.byIndex('build', `${keyOf(project)}/${number}`).length > 0,
    removed: ({ project }) => removals.byIndex('project', keyOf(project)).flatMap((removal) => removal.spec.builds),
  };
}

/** One that was refused has removed nothing. */
function counts(removal: Removal): boolean {
  return !isComplete(removal) || hasSucceeded(removal);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
