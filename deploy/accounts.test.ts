import { describe, expect, it } from 'vitest';
import { coprConfig } from './accounts.ts';

const CONFIG = '[copr-cli]\nusername = demo\nlogin = a\ntoken = b\ncopr_url = http://127.0.0.1:30500\nencrypted = no\n';

/** Stands in for kubectl exec: what it was asked. */
function pod(): { kubectl: (args: readonly string[]) => Promise<string>; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    kubectl: (args) => {
      const command = args.slice(args.indexOf('admin') + 1).join(' ');
      asked.push(command);
      return Promise.resolve(command.startsWith('token add') ? CONFIG : 'user demo exists already\n');
    },
  };
}

const USER = 'user add demo --exist-ok';
const TOKEN = 'token add demo --description make copr-config --copr-config';

describe('a configuration for copr-cli', () => {
  it.each<[string, boolean, string[]]>([
    ['a user', false, [USER, TOKEN]],
    ['an administrator', true, [USER, 'user set-admin demo on', TOKEN]],
  ])('is made for %s, who is made if need be', async (_, admin, commands) => {
    const { kubectl, asked } = pod();
    expect(await coprConfig(kubectl, { user: 'demo', admin })).toBe(CONFIG);
    expect(asked).toEqual(commands);
  });
});
