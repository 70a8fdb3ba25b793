import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from './address.ts';
import { parseMachineData } from './machine-data.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAabcdefghijklmnopqrstuvwxyz0123456789ABCDEF';

describe('what the hook "new" prints', () => {
  it.each([
    ['10.0.0.7\n', { host: '10.0.0.7', port: 22, hostKeys: [] }],
    ['vm-7.example\nmore that nobody reads\n', { host: 'vm-7.example', port: 22, hostKeys: [] }],
    ['  fd00::7  \r\n', { host: 'fd00::7', port: 22, hostKeys: [] }],
    ['---\nhost: 10.0.0.7\n', { host: '10.0.0.7', port: 22, hostKeys: [] }],
    [
      '---\nhost: vm\nname: copr-1\nssh_port: 2222\nuser: fedora\n',
      { host: 'vm', port: 2222, user: 'fedora', hostKeys: [] },
    ],
    ['---\nhost: vm\nssh_port: "2222"\n', { host: 'vm', port: 2222, hostKeys: [] }],
    [`---\nhost: vm\nhost_key: ${KEY}\n`, { host: 'vm', port: 22, hostKeys: [KEY] }],
    [`---\nhost: vm\nhost_key:\n- ${KEY}\n`, { host: 'vm', port: 22, hostKeys: [KEY] }],
    ['---\nhost: vm\nzone: eu\n', { host: 'vm', port: 22, hostKeys: [] }],
  ])('%j is understood', (output, data) => {
    expect(parseMachineData(output)).toEqual({ data });
  });

  it.each([
    ['', /printed nothing; have it print/],
    ['\n10.0.0.7\n', /printed nothing/],
    ['Starting machine…\n10.0.0.7\n', /no host name.*messages to stderr/],
    ['-oProxyCommand=touch /tmp/x\n', /no host name/],
    ['a'.repeat(254), /no host name/],
    ['---\n{', /not a YAML document/],
    ['---\nname: x\n', /host: must be a host name/],
    ['---\nhost: "a b"\n', /host: must be/],
    ['---\nhost: 7\n', /host: must be/],
    ['---\nhost: vm\nssh_port: 0\n', /ssh_port/],
    ['---\nhost: vm\nuser: "-l root"\n', /user: must be the name of a user/],
    ['---\nhost: vm\nhost_key: AAAA\n', /host_key/],
    ['---\njust words\n', /cannot be used/],
    [`vm\n${'x'.repeat(510)}`, /513 bytes, and 512 are kept/],
  ])('%j is refused with a sentence', (output, problem) => {
    const result = parseMachineData(output);
    expect(result).not.toHaveProperty('data');
    expect('problem' in result && result.problem).toMatch(problem);
  });
});

describe('an address', () => {
  it.each([
    { host: 'vm-7.example', port: 22 },
    { host: '10.0.0.7', port: 2222 },
    { host: 'fd00::7', port: 22 },
  ])('$host, $port survives being written and read', (address) => {
    expect(parseAddress(formatAddress(address))).toEqual(address);
  });

  it.each(['', 'vm', 'fd00::7', '[fd00::7]', 'vm:', 'vm:x', 'a:b:22'])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});
