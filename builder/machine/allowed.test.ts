import { describe, expect, it } from 'vitest';
import type { TaskRepo } from '../../lib/protocol/task.ts';
import { allowedPlaces, isAllowedAuthority, isAllowedURL } from './allowed.ts';

function repo(baseurl: string, gpgkey?: string): TaskRepo {
  const key = gpgkey === undefined ? {} : { gpgkey };
  return { id: 'r', name: 'R', baseurl, gpgcheck: gpgkey !== undefined, skipIfUnavailable: false, ...key };
}

const places = allowedPlaces([
  repo('http://mirror.example.org/fedora/43/$basearch/os', 'http://keys.example.org/fedora.gpg'),
  repo('http://results.example:5002/demo/hello/pebble-13-x86_64/'),
  repo('https://secure.example.org/repo'),
  repo('http://[2001:db8::1]:8080/a, http://second.example.org/b c://nothing'),
  repo('http://$variable.example.org/all/'),
]);

describe('the tunnel lets through', () => {
  it.each([
    'http://mirror.example.org/fedora/43/x86_64/os/repodata/repomd.xml',
    'http://mirror.example.org:80/fedora/43/x86_64/os/',
    'http://MIRROR.example.org/fedora/43/a?b=c',
    'http://keys.example.org/fedora.gpg',
    'http://results.example:5002/demo/hello/pebble-13-x86_64/00000001-hello/hello.rpm',
    'http://[2001:db8::1]:8080/a/x.rpm',
    'http://second.example.org/b/x.rpm',
  ])('%s', (url) => expect(isAllowedURL(new URL(url), places)).toBe(true));

  it.each(['secure.example.org:443', 'SECURE.example.org:443'])('a connection to %s', (authority) =>
    expect(isAllowedAuthority(authority, places)).toBe(true),
  );
});

describe('the tunnel keeps out', () => {
  it.each([
    ['another host', 'http://169.254.169.254/latest/meta-data'],
    ['another port', 'http://results.example:5003/demo/hello/pebble-13-x86_64/'],
    ['another scheme', 'https://mirror.example.org/fedora/43/x86_64/os/'],
    ['another directory', 'http://results.example:5002/demo/other/'],
    ['a directory whose name only begins so', 'http://results.example:5002/demo/hello/pebble-13-x86_64-secret/'],
    ['a way up', 'http://results.example:5002/demo/hello/pebble-13-x86_64/../../other/'],
    ['a hidden way up', 'http://results.example:5002/demo/hello/pebble-13-x86_64/..%2f..%2fother/'],
    ['a hidden way up of Windows', 'http://results.example:5002/demo/hello/pebble-13-x86_64/..%5cother'],
    ['half an escape', 'http://results.example:5002/demo/hello/pebble-13-x86_64/%'],
    ['what is below a key', 'http://keys.example.org/fedora.gpg/x'],
    ['a file beside a key', 'http://keys.example.org/other'],
    ['a name with a variable in it', 'http://x.example.org/all/a'],
    ['plain HTTP to a host of HTTPS', 'http://secure.example.org:443/repo/'],
  ])('%s', (_what, url) => expect(isAllowedURL(new URL(url), places)).toBe(false));

  it.each(['secure.example.org:22', 'secure.example.org', 'mirror.example.org:80', 'results.example:5002', ''])(
    'a connection to "%s"',
    (authority) => expect(isAllowedAuthority(authority, places)).toBe(false),
  );
});
