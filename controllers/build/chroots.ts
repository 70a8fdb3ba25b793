import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { branchOf } from './children.ts';
import type { BuildWorld } from './world.ts';

/**
 * Names of the chroots that a Build is for: those it names, else those of its Package, else all of its Project. The last
 * two without what the Package is not built in by default; a list that leaves nothing is taken for a mistake.
 */
export function wantedChroots(world: BuildWorld): readonly string[] {
  const { build, project, package: pkg } = world;
  if (build.spec.chroots !== undefined) return build.spec.chroots;
  // The Package was deleted after the Build had begun: with it went what it was not to be built in.
  const begun = world.children.some((child) => child.spec.stage === 'source');
  const shown = build.status?.chroots?.map(({ name }) => name);
  if (begun && pkg === undefined && build.spec.package !== undefined && shown !== undefined) return shown;
  const all = pkg?.spec.chroots ?? project?.spec.chroots ?? [];
  const allowed = all.filter((name) => !isDenied(name, pkg?.spec.chrootDenylist ?? []));
  return allowed.length === 0 ? all : allowed;
}

/** `*` stands for any characters; everything else for itself. */
export function isDenied(chroot: string, denylist: readonly string[]): boolean {
  return denylist.some((pattern) => matches(chroot, pattern));
}

/** By hand: a regular expression of many stars, which anybody may write, would take years. */
function matches(text: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let from = first.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return from + last.length <= text.length;
}

/**
 * Chroots of a Build that has begun. One that was added since has no sources on distgit; one that was taken out of the
 * Project is built no more, unless it is being built already: the others must not suffer for it.
 */
export function stillBuilt(world: BuildWorld, wanted: readonly string[], begun: ChrootBuild): Chroot[] {
  const started = world.children.filter((child) => child.spec.stage === 'binary').map((child) => child.spec.chroot);
  const toStart = wanted
    .filter((name) => world.project?.spec.chroots.includes(name))
    .map((name) => world.chroots.get(name))
    .filter((chroot) => chroot !== undefined)
    .filter((chroot) => begun.spec.branches?.includes(branchOf(chroot)));
  const going = started.map((name) => world.chroots.get(name)).filter((chroot) => chroot !== undefined);
  return [...new Set([...toStart, ...going])];
}
