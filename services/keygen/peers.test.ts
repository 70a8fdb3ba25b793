import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../lib/errors.ts';
import { isInNetworks, parseNetworks } from './peers.ts';

describe('plain peers', () => {
  const networks = parseNetworks(['10.42.0.0/16', '192.0.2.7', 'fd00::/8']);

  it.each([
    ['10.42.3.4', true],
    ['::ffff:10.42.3.4', true],
    ['10.43.0.1', false],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['fd12::1', true],
    ['2001:db8::1', false],
    ['', false],
    [undefined, false],
  ])('%s is allowed: %s', (address, allowed) => {
    expect(isInNetworks(networks, address)).toBe(allowed);
  });

  it('are nobody when the list is empty', () => {
    expect(isInNetworks(parseNetworks([]), '127.0.0.1')).toBe(false);
  });

  it.each(['localhost', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/9', 'fd00::/129', '10.0.0/8'])(
    '%s is no network',
    (network) => {
      expect(() => parseNetworks([network])).toThrow(TerminalError);
    },
  );
});
