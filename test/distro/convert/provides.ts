import { ANY, EQUAL, type RpmDependency, type RpmFile } from '../rpm/model.ts';
import { readSharedLibrary } from './elf.ts';

const LIBRARY_DIRECTORY = /^\/usr\/lib(?:64|\/[^/]+-linux-gnu)?\/[^/]+$/;
const PKG_CONFIG = /^\/usr\/(?:lib|share|lib\/[^/]+-linux-gnu)\/pkgconfig\/([^/]+)\.pc$/;
const PERL_MODULE =
  /^\/usr\/(?:share\/perl5|share\/perl\/[\d.]+|lib\/[^/]+\/perl5\/[\d.]+|lib\/[^/]+\/perl(?:-base|\/[\d.]+))\/(.+)\.pm$/;
const PYTHON_DIST =
  /^\/usr\/lib\/python3(?:\.\d+)?\/(?:dist-packages\/)?([^/]+?)-([0-9][^/-]*)(?:-py3(?:\.\d+)?)?\.(?:dist|egg)-info(?:\/|$)/;
const PYTHON_BINARY = /^\/usr\/bin\/python(3\.\d+)$/;
const PROGRAM = /^\/usr\/(s?bin\/[^/]+)$/;

/**
 * What rpmbuild's dependency generators would have found in the files: sonames, pkg-config modules, Perl modules,
 * Python distributions; for essential packages also their programs' names before /bin and /usr/bin were one.
 */
export function generatedProvides(files: readonly RpmFile[], essential: boolean, pythonAbi: string): RpmDependency[] {
  return files.flatMap((file) => [
    ...libraryProvides(file),
    ...pkgConfigProvides(file),
    ...matching(PERL_MODULE, file, ([, path = '']) => [plain(`perl(${path.replaceAll('/', '::')})`)]),
    ...matching(PYTHON_DIST, file, ([, name = '', version = '']) => pythonProvides(name, version, pythonAbi)),
    ...matching(PYTHON_BINARY, file, ([, version = '']) => [exactly('python(abi)', version)]),
    ...(essential ? matching(PROGRAM, file, ([, path = '']) => [plain(`/${path}`)]) : []),
  ]);
}

function libraryProvides(file: RpmFile): RpmDependency[] {
  if (file.kind !== 'file' || !LIBRARY_DIRECTORY.test(file.path)) return [];
  const library = readSharedLibrary(file.data);
  if (library === undefined) return [];
  const marker = library.bits === 64 ? '(64bit)' : '';
  // rpm spells a bare soname `libz.so.1()(64bit)`, but `libz.so.1` where there is no marker to set apart.
  const bare = plain(library.soname + (marker && `()${marker}`));
  const versions = library.versions.map((version) => plain(`${library.soname}(${version})${marker}`));
  // Whoever has the loader understands DT_GNU_HASH.
  const loader = library.soname.startsWith('ld-linux') ? [plain('rtld(GNU_HASH)')] : [];
  return [bare, ...versions, ...loader];
}

function pkgConfigProvides(file: RpmFile): RpmDependency[] {
  const module = PKG_CONFIG.exec(file.path)?.[1];
  if (module === undefined) return [];
  const text = file.data.toString('utf8');
  const variables = new Map([...text.matchAll(/^(\w+)=(.*)$/gm)].map((match) => [match[1] ?? '', match[2] ?? '']));
  const version = /^Version:\s*(.*)$/m.exec(text)?.[1]?.trim() ?? '';
  const expanded = version.replace(/\$\{(\w+)\}/g, (_, name: string) => variables.get(name) ?? '').replaceAll('-', '_');
  const name = `pkgconfig(${module})`;
  return [/^[\w.+~^]+$/.test(expanded) ? exactly(name, expanded) : plain(name)];
}

function pythonProvides(distribution: string, version: string, abi: string): RpmDependency[] {
  const name = distribution.toLowerCase().replaceAll(/[._-]+/g, '-');
  const exact = version.replaceAll('+', '.');
  return [exactly(`python3dist(${name})`, exact), exactly(`python${abi}dist(${name})`, exact)];
}

function matching(pattern: RegExp, file: RpmFile, make: (match: RegExpExecArray) => RpmDependency[]): RpmDependency[] {
  const match = file.kind === 'directory' ? null : pattern.exec(file.path);
  return match === null ? [] : make(match);
}

function plain(name: string): RpmDependency {
  return { name, flags: ANY, version: '' };
}

function exactly(name: string, version: string): RpmDependency {
  return { name, flags: EQUAL, version };
}
