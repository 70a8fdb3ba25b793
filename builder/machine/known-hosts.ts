import { createHmac, timingSafeEqual } from 'node:crypto';
import { HOST_KEY } from '../../lib/protocol/machine.ts';

export interface KnownKeys {
  /** Host keys of that machine, each as type and base64. */
  keys: string[];
  /** Keys that must not be accepted, whatever else names them. */
  revoked: string[];
  /** Lines for that machine that cannot be used, as sentences. */
  problems: string[];
}

/**
 * What a known_hosts file says about a machine: names and patterns, hashed names, `[host]:port`, and the markers. A
 * certificate authority is refused, since host certificates are not understood: silence would look like a wrong key.
 */
export function knownKeys(text: string, host: string, port: number): KnownKeys {
  const found: KnownKeys = { keys: [], revoked: [], problems: [] };
  // With the standard port a name stands for itself, with another one for `[name]:port`, as OpenSSH writes them.
  const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
  for (const [index, line] of text.split('\n').entries()) {
    const fields = line.trim().split(/\s+/);
    if (fields[0] === '' || fields[0]?.startsWith('#')) continue;
    const marker = fields[0]?.startsWith('@') ? fields.shift() : undefined;
    const [names = '', type = '', base64 = ''] = fields;
    if (!matches(names, name)) continue;
    const key = `${type} ${base64}`;
    if (marker === '@revoked') found.revoked.push(key);
    else if (marker !== undefined) found.problems.push(sentence(index, marker));
    else if (HOST_KEY.test(key)) found.keys.push(key);
    else
      found.problems.push(
        `line ${index + 1} of known_hosts holds no usable key for ${name}: it needs a type such as ssh-ed25519 and base64`,
      );
  }
  return found;
}

function sentence(index: number, marker: string): string {
  const what = `line ${index + 1} of known_hosts is marked ${marker}`;
  return marker === '@cert-authority'
    ? `${what}, but certificates of hosts are not supported; name the host's own key instead`
    : `${what}, which is not known; remove the marker or the line`;
}

function matches(names: string, name: string): boolean {
  if (names.startsWith('|')) return matchesHash(names, name);
  let matched = false;
  for (const pattern of names.toLowerCase().split(',')) {
    // A negated pattern that matches rules the line out, whatever else it names.
    if (pattern.startsWith('!')) {
      if (matchesPattern(pattern.slice(1), name)) return false;
    } else matched ||= matchesPattern(pattern, name);
  }
  return matched;
}

/** `*` is any text and `?` any character. Without regular expressions: a pattern of stars must not take for ever. */
function matchesPattern(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let index = 0;
  while (index < name.length) {
    if (pattern[at] === '*') {
      star = at++;
      resume = index;
    } else if (pattern[at] === '?' || pattern[at] === name[index]) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resume;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, as `ssh-keygen -H` writes it. */
function matchesHash(text: string, name: string): boolean {
  const [, version, salt, hash] = text.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  const expected = Buffer.from(hash, 'base64');
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
