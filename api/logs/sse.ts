/** Server-sent events of a log. The id of an event is the number of its line, counted from 0. */

export function lineFrame(number: number, line: string): string {
  // A carriage return would end the field: programs that draw progress bars print many.
  const data = line.includes('\r') ? line.replaceAll('\r', '\ndata: ') : line;
  return `id: ${number}\ndata: ${data}\n\n`;
}

/** A later attempt of the stage writes its log anew: lines are counted from 0 again, and the last id means nothing any more. */
export function restartFrame(): string {
  return 'id\nevent: restart\ndata: 0\n\n';
}

/** Data is the number of lines of the whole log. The client should close: it would be connected again otherwise. */
export function endFrame(lines: number): string {
  return `event: end\ndata: ${lines}\n\n`;
}

export function heartbeat(): string {
  return ': heartbeat\n\n';
}

/** The line to begin with for a client that was cut off after the event `lastId`. Undefined for what is no id of ours. */
export function lineAfter(lastId: string | undefined): number | undefined {
  return lastId !== undefined && /^\d{1,12}$/.test(lastId) ? Number(lastId) + 1 : undefined;
}
