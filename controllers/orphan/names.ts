/** What clouds and libvirt call a machine. Whatever else a hook prints is not handed on to another hook. */
const MACHINE_NAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,198}[A-Za-z0-9])?$/;

export interface Listed {
  names: string[];
  /** Lines that are not the name of a machine. */
  odd: string[];
}

/** Pure: the output of the hook "list", one name a line. */
export function namesOf(output: string): Listed {
  const lines = new Set(output.split('\n').map((line) => line.trim()));
  lines.delete('');
  const names = [...lines].filter((line) => MACHINE_NAME.test(line));
  return { names, odd: [...lines].filter((line) => !MACHINE_NAME.test(line)) };
}
