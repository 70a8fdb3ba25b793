import type { RpmFile } from '../rpm/model.ts';

/** Links that Debian's alternatives system makes while installing: link → what it points at, per package. */
const LINKS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  bison: { yacc: 'bison.yacc' },
  cpio: { mt: 'mt-gnu' },
  debianutils: { which: 'which.debianutils' },
  'g++': { 'c++': 'g++' },
  gawk: { awk: 'gawk', nawk: 'gawk' },
  gcc: { cc: 'gcc', c89: 'c89-gcc', c99: 'c99-gcc' },
  'util-linux': { pager: 'more' },
  'xz-utils': {
    lzcat: 'xzcat',
    lzcmp: 'xzcmp',
    lzdiff: 'xzdiff',
    lzegrep: 'xzegrep',
    lzfgrep: 'xzfgrep',
    lzgrep: 'xzgrep',
    lzless: 'xzless',
    lzma: 'xz',
    lzmore: 'xzmore',
    unlzma: 'unxz',
  },
};

/** Links and other files that a maintainer script would have made; only those whose targets the package holds. */
export function linksOf(name: string, files: ReadonlyMap<string, RpmFile>): RpmFile[] {
  if (name === 'ca-certificates') return certificateBundle(files);
  if (name === 'tzdata') return existing(files, { '/etc/localtime': '/usr/share/zoneinfo/Etc/UTC' });
  if (name === 'cpp') return existing(files, { '/usr/lib/cpp': '/usr/bin/cpp' });
  if (name === 'automake') return versioned(files, ['automake', 'aclocal']);
  const links = Object.entries(LINKS[name] ?? {}).map(([link, target]) => [`/usr/bin/${link}`, `/usr/bin/${target}`]);
  return existing(files, Object.fromEntries(links));
}

function existing(files: ReadonlyMap<string, RpmFile>, links: Readonly<Record<string, string>>): RpmFile[] {
  return Object.entries(links).flatMap(([path, target]) => {
    const file = files.get(target);
    return file === undefined || files.has(path) ? [] : [aLink(path, target, file.mtime)];
  });
}

function versioned(files: ReadonlyMap<string, RpmFile>, names: readonly string[]): RpmFile[] {
  return names.flatMap((name) => {
    const target = [...files.keys()].find((path) => path.startsWith(`/usr/bin/${name}-`));
    return target === undefined ? [] : existing(files, { [`/usr/bin/${name}`]: target });
  });
}

/** The one file that most TLS libraries read, at Debian's place and at the place RPM distributions use. */
function certificateBundle(files: ReadonlyMap<string, RpmFile>): RpmFile[] {
  const certificates = [...files.values()].filter((file) => /^\/usr\/share\/ca-certificates\/.*\.crt$/.test(file.path));
  const [first] = certificates;
  if (first === undefined) return [];
  const bundle = '/etc/ssl/certs/ca-certificates.crt';
  const data = Buffer.concat(certificates.map((file) => file.data));
  return [{ ...first, path: bundle, data, flags: 0 }, aLink('/etc/pki/tls/certs/ca-bundle.crt', bundle, first.mtime)];
}

function aLink(path: string, target: string, mtime: number): RpmFile {
  const owner = { user: 'root', group: 'root', flags: 0, language: '' };
  return { path, kind: 'symlink', mode: 0o777, mtime, target, data: Buffer.alloc(0), ...owner };
}
