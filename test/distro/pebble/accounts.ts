/** Contents of the account files of an installed system. */
export interface Accounts {
  passwd: string;
  group: string;
  shadow: string;
  gshadow: string;
  users: string[];
  groups: string[];
}

/** Builds run as this user; the number is the one that kopr's builder asks for. */
export const BUILDER = { name: 'builder', id: 1000 } as const;

/** mock wants a group of this number with its user in it. */
const MOCK = { name: 'mock', id: 135 } as const;

/** The accounts from base-passwd's masters, with the builder and the group of mock added; nobody can log in. */
export function accounts(passwdMaster: string, groupMaster: string): Accounts {
  const passwd = [
    ...lines(passwdMaster),
    `${BUILDER.name}:x:${BUILDER.id}:${BUILDER.id}::/home/${BUILDER.name}:/bin/bash`,
  ];
  const group = [
    ...lines(groupMaster),
    `${MOCK.name}:x:${MOCK.id}:${BUILDER.name}`,
    `${BUILDER.name}:x:${BUILDER.id}:`,
  ];
  const hidden = (line: string) => line.replace(/^([^:]+):[^:]*:/, '$1:x:');
  const users = passwd.map(firstField);
  const groups = group.map(firstField);
  return {
    passwd: file(passwd.map(hidden)),
    group: file(group.map(hidden)),
    shadow: file(users.map((user) => `${user}:*:19000:0:99999:7:::`)),
    gshadow: file(groups.map((name) => `${name}:*::`)),
    users,
    groups,
  };
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

function firstField(line: string): string {
  return line.split(':')[0] ?? '';
}

function file(content: readonly string[]): string {
  return `${content.join('\n')}\n`;
}
