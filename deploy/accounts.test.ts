import { describe, expect, it } from 'vitest';
import { coprConfig } from './accounts.ts';
import { CommandError } from './run.ts';

const CONFIG =
  '[copr-cli]\nlogin = a\nusername = demo\ntoken = b\ncopr_url = http://127.0.0.1:30500\nencrypted = False\n';

/** Stands in for kubectl exec: what the pod would say, and what it was asked. */
function pod(users: string[]): { kubectl: (args: readonly string[]) => Promise<string>; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    kubectl: async (args) => {
      const command = args.slice(args.indexOf('admin') + 1).join(' ');
      asked.push(command);
      const [, verb, name = ''] = command.split(' ');
      if (verb === 'show' && !users.includes(name)) throw new CommandError('exit code 1', '', `no user ${name}`);
      return command.startsWith('token add') ? CONFIG : '';
    },
  };
}

const TOKEN = 'token add demo --description make copr-config --copr-config';

describe('a configuration for copr-cli', () => {
  it('is made for a user who is there', async () => {
    const { kubectl, asked } = pod(['demo']);
    expect(await coprConfig(kubectl, { user: 'demo' })).toBe(CONFIG);
    expect(asked).toEqual(['user show demo', TOKEN]);
  });

  it('makes the user first who is not there', async () => {
    const { kubectl, asked } = pod([]);
    await coprConfig(kubectl, { user: 'demo', admin: true });
    expect(asked).toEqual(['user show demo', 'user add demo', 'user set-admin demo', TOKEN]);
  });
});
