import { basename } from 'node:path';
import type { DebPackage } from '../deb/package.ts';
import type { Release } from '../releases.ts';
import { ANY, EQUAL, evr, fileName, type RpmDependency, type RpmPackage } from '../rpm/model.ts';
import { DIRECTORY_OWNER, toFiles } from './files.ts';
import { aliasesOf } from './names.ts';
import { generatedProvides } from './provides.ts';
import { toConflicts, toProvides, toRequires, unique } from './relations.ts';
import { toRpmVersion } from './version.ts';

/** What all packages of one release have in common. */
export interface ConversionContext {
  release: Release;
  /** Directories that only base-files owns. */
  sharedDirectories: ReadonlySet<string>;
  /** Python's minor version, such as 3.13. */
  pythonAbi: string;
}

/** The RPM that corresponds to a Debian package: same name, version, files and relations. */
export function toRpm(deb: DebPackage, context: ConversionContext): RpmPackage {
  const field = (name: string) => deb.control.get(name) ?? '';
  const name = field('package');
  const version = toRpmVersion(field('version'));
  const native = field('architecture') === 'all';
  const files = toFiles(deb, context.sharedDirectories);
  const [summary = '', ...description] = field('description').split('\n');
  const generated = generatedProvides(files, field('essential') === 'yes', context.pythonAbi);
  const full = evr(version);
  return {
    name,
    ...version,
    arch: native ? 'noarch' : context.release.rpmArch,
    summary,
    description: description.map((line) => (line === '.' ? '' : line)).join('\n') || summary,
    url: field('homepage'),
    buildTime: Math.max(0, ...files.map((file) => file.mtime)),
    sourceRpm: `${sourceName(field('source') || name)}-${version.version}-${version.release}.src.rpm`,
    provides: unique([
      ...(native ? [] : [exactly(`${name}${context.release.isa}`, full)]),
      ...aliasesOf(name).flatMap((alias) => [
        exactly(alias, full),
        ...(native ? [] : [exactly(`${alias}${context.release.isa}`, full)]),
      ]),
      ...toProvides(deb.control).filter((provided) => provided.name !== name),
      ...generated,
    ]),
    requires: unique([...toRequires(deb.control), ...impliedRequires(name)]),
    conflicts: toConflicts(deb.control),
    files,
  };
}

/** The name of the RPM for 'name_version_arch.deb', known before the package is read. */
export function rpmNameOf(deb: string, release: Release): string {
  const [name = '', version = '', arch = ''] = basename(deb, '.deb').split('_');
  const rpmArch = arch === 'all' ? 'noarch' : release.rpmArch;
  return fileName({ name, ...toRpmVersion(version.replaceAll('%3a', ':')), arch: rpmArch });
}

/** What Debian takes for granted: the essential packages, and files that its installer makes. */
function impliedRequires(name: string): RpmDependency[] {
  if (name === DIRECTORY_OWNER) return [plain('pebble-setup')];
  return name === 'bash' ? [plain(DIRECTORY_OWNER), plain('dash')] : [plain(DIRECTORY_OWNER)];
}

/** 'gcc-14 (14.2.0-19)' → 'gcc-14' */
function sourceName(field: string): string {
  return field.split(' ')[0] ?? field;
}

function plain(name: string): RpmDependency {
  return { name, flags: ANY, version: '' };
}

function exactly(name: string, version: string): RpmDependency {
  return { name, flags: EQUAL, version };
}
