/** Why a plan does what it does. The same words serve the log, the event and the condition. */
export interface Note {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

export function normal(reason: string, message: string): Note {
  return { type: 'Normal', reason, message };
}

export function warning(reason: string, message: string): Note {
  return { type: 'Warning', reason, message };
}

/** Fits words from outside (a build's verdict, a service's error) into a status field. */
export function oneSentence(text: string, max = 1024): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing control characters is the purpose
  const flat = text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
  return flat.length <= max ? flat : `${flat.slice(0, max - 1)}…`;
}
