/**
 * Files whose content must differ from Debian's: the distribution's own name, and two dnf plugins that print warnings
 * on every run where there is no systemd and no local repository.
 */
export function replaceContent(path: string, data: Buffer): Buffer {
  if (path === '/usr/lib/os-release') return Buffer.from(osRelease(data.toString('utf8')));
  if (path === '/etc/issue' || path === '/etc/issue.net') return Buffer.from('Pebble Linux\n');
  if (path === '/etc/dnf/plugins/local.conf') return Buffer.from('[main]\nenabled = false\n');
  return data;
}

function osRelease(debian: string): string {
  const version = /^VERSION_ID="?([0-9.]+)"?$/m.exec(debian)?.[1];
  if (version === undefined) throw new Error('/usr/lib/os-release of base-files names no VERSION_ID');
  return [
    'NAME="Pebble Linux"',
    `PRETTY_NAME="Pebble Linux ${version}"`,
    'ID=pebble',
    `VERSION_ID="${version}"`,
    `CPE_NAME="cpe:/o:pebble:linux:${version}"`,
    '',
  ].join('\n');
}
